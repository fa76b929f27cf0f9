-- page_events
-- A page of the events of some topics, groups, types, versions and outcomes. Each of these is a set
-- of types, and the newest events of each type are read from an index. So nothing is read that is
-- not wanted. The parameters are those of list_events.sql.
WITH types AS MATERIALIZED (
    SELECT y.id FROM event_types y
    JOIN streams s ON s.id = y.stream
    WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
        AND ($7 IS NULL OR y.event_type = $7) AND ($8 IS NULL OR y.event_version = $8)
        AND ($11 IS NULL OR y.skipped = ($11 = 'skipped'))
), of_streams AS MATERIALIZED (
    SELECT s.id FROM streams s WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
), dated AS MATERIALIZED (
    SELECT d.* FROM (
        SELECT n.stream, n.partition, n."offset", n.arrived_at, n.event_time, n.row_first, n.row_arrived_at
        FROM types y
        CROSS JOIN LATERAL newest_places(y.id, $1 + $2, $9, $10, $13, $14, $15, $16, $17) AS n
        UNION ALL
        (SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r."offset", r.arrived_at FROM event_records r
        WHERE r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
            AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event'))
            AND r.event_time > '-infinity' AND r.event_time >= coalesce($9, '-infinity') AND r.event_time < coalesce($10, 'infinity')
            AND r.event_time <= coalesce($13, 'infinity')
            AND ($13 IS NULL OR (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
        ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2)
    ) AS d
    ORDER BY d.event_time DESC, d.arrived_at DESC, d.stream DESC, d.partition DESC, d."offset" DESC LIMIT $1 + $2
), undated AS (
    SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r."offset" AS row_first, r.arrived_at AS row_arrived_at FROM event_records r
    WHERE r.event_time IS NULL AND $9 IS NULL AND $10 IS NULL AND (SELECT count(*) FROM dated) < $1 + $2
        AND (r.type_id = ANY (ARRAY (SELECT y.id FROM types y))
            OR r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
                AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event')))
        AND ($13 IS NULL OR ('-infinity', r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2
), page AS MATERIALIZED (
    SELECT * FROM (SELECT * FROM dated UNION ALL SELECT * FROM undated) AS k
    ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC LIMIT $1 OFFSET $2
)
SELECT v.stream, v.partition, v."offset", v.entity_id, v.event_time, v.event_type, v.event_version, v.checksum, v.arrived_at, v.outcome, v.reason,
    v.payload, CASE WHEN v.payload IS NULL THEN v.raw END AS raw, v.problems,
    (SELECT max(f.newest) FROM archived_files f) AS newest_archived
FROM (SELECT DISTINCT k.stream, k.partition, k.row_first, k.row_arrived_at FROM page k) AS w
-- OFFSET makes the planner look up each row by its key.
CROSS JOIN LATERAL (
    SELECT * FROM event_values v
    WHERE v.stream = w.stream AND v.partition = w.partition AND v.row_first = w.row_first AND v.row_arrived_at = w.row_arrived_at OFFSET 0
) AS v
JOIN page k ON k.stream = v.stream AND k.partition = v.partition AND k."offset" = v."offset" AND k.row_first = v.row_first
ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC
