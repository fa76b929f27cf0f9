-- archived_files_of_page
-- The files that can have events of a page, those with the newest events first. The parameters,
-- each null if not given: $1 topics, $2 group, $3 partition, $4 from, $5 to, $6 the time of the
-- last event of the page before, $7 the time of the last event that is wanted.
SELECT f.topic, f.destination, f.path, f.bytes, f.sha256, f.records, f.newest, w.streams, w.groups
FROM archived_files f
CROSS JOIN LATERAL (
    SELECT array_agg(g.stream ORDER BY g.stream) AS streams, array_agg(g.group_id ORDER BY g.stream) AS groups
    FROM (
        SELECT DISTINCT a.stream, s.group_id
        FROM archived_ranges a
        JOIN streams s ON s.id = a.stream
        WHERE a.file = f.id AND ($2 IS NULL OR s.group_id = $2) AND ($3 IS NULL OR a.partition = $3)
    ) AS g
) AS w
WHERE w.streams IS NOT NULL
    AND ($1 IS NULL OR f.topic = ANY ($1)) AND f.newest >= coalesce($4, '-infinity') AND f.oldest < coalesce($5, 'infinity')
    AND f.oldest <= coalesce($6, 'infinity') AND f.newest >= coalesce($7, '-infinity')
ORDER BY f.newest DESC, f.id
