-- list_build_ids
SELECT id
FROM builds
ORDER BY time_started DESC, id DESC
LIMIT $1 OFFSET $2
