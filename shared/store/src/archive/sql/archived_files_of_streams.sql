-- archived_files_of_streams
-- The files with records of the streams $1 that arrived at $2 or later, in the order of their days.
SELECT f.topic, f.destination, f.path, f.bytes, f.sha256, f.records, f.newest, w.streams, w.groups, w.records AS wanted
FROM archived_files f
CROSS JOIN LATERAL (
    SELECT array_agg(g.stream ORDER BY g.stream) AS streams, array_agg(g.group_id ORDER BY g.stream) AS groups, sum(g.records)::bigint AS records
    FROM (
        SELECT a.stream, s.group_id, sum(a.records) AS records
        FROM archived_ranges a
        JOIN streams s ON s.id = a.stream
        WHERE a.file = f.id AND a.stream = ANY ($1)
        GROUP BY a.stream, s.group_id
    ) AS g
) AS w
WHERE w.records > 0 AND ($2 IS NULL OR f.day >= ($2 AT TIME ZONE 'UTC')::date)
ORDER BY f.day, f.topic
