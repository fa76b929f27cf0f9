-- list_build_ids
SELECT id, time_started
FROM builds
WHERE ($3 IS NULL OR project_id = $3)
    AND ($4 IS NULL OR (time_started, id) < ($4, $5))
ORDER BY time_started DESC, id DESC
LIMIT $1 OFFSET $2
