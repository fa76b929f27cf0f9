-- get_build
SELECT id, project_id, request_id, branch_name, branch_url, commit_ref, commit_url, pr_name, pr_number, pr_description, pr_url,
    bytes_real, bytes_virtual, config, pinned, reaped, reaped_reason, reaped_reason_text, reaped_date, status_build,
    status_submitted, time_started, time_updated, steps
FROM builds
WHERE id = ANY ($1)
