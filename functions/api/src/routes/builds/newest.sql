-- newest_build_ids
-- As list.sql, without filters: planned once.
SELECT id, time_started
FROM builds
ORDER BY time_started DESC, id DESC
LIMIT $1 OFFSET $2
