-- newest_build_ids
-- Like list.sql without filters, so that it is planned once.
SELECT id, time_started
FROM builds
ORDER BY time_started DESC, id DESC
LIMIT $1 OFFSET $2
