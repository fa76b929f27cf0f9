-- list_builds
SELECT id, project_id, request_id, branch_name, branch_url, commit_ref, commit_url, pr_name, pr_number, pr_description, pr_url,
    bytes_real, bytes_virtual, config::json, pinned, reaped, reaped_reason, reaped_reason_text, reaped_date, status_build,
    status_submitted, time_started, time_updated, steps::json
FROM builds
WHERE ($3 IS NULL OR project_id = $3)
    AND ($4 IS NULL OR branch_name = $4)
    AND ($5 IS NULL OR status_build = $5)
    AND ($6 IS NULL OR reaped = $6)
    AND ($7 IS NULL OR pinned = $7)
    AND ($8 IS NULL OR time_started >= $8)
    AND ($9 IS NULL OR time_started < $9)
    AND ($10 IS NULL OR (time_started, id) < ($10, $11))
ORDER BY time_started DESC, id DESC
LIMIT $1 OFFSET $2
