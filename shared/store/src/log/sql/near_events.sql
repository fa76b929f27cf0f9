-- near_events
-- The page that list_events.sql returns, if it is among the newest 20,000 events of the wanted
-- types; otherwise fewer events than a page. The parameters are those of list_events.sql.
WITH types AS MATERIALIZED (
    SELECT y.id FROM event_types y
    JOIN streams s ON s.id = y.stream
    WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
        AND ($7 IS NULL OR y.event_type = $7) AND ($8 IS NULL OR y.event_version = $8)
        AND ($11 IS NULL OR y.skipped = ($11 = 'skipped'))
), of_streams AS MATERIALIZED (
    SELECT s.id FROM streams s WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
), for_each AS MATERIALIZED (
    SELECT greatest(100, 20000 / (1 + count(*))) AS rows FROM types
), seen AS MATERIALIZED (
    SELECT y.id AS of_type, n.stream, n.partition, n."offset", n.arrived_at, n.event_time, n.entity_id, n.problems, n.row_first, n.row_arrived_at
    FROM types y
    CROSS JOIN for_each f
    CROSS JOIN LATERAL (
        -- Of narrow and packed records together, all are known down to the last of this number.
        SELECT * FROM newest_places(y.id, f.rows, $9, $10, $13, $14, $15, $16, $17) AS p
        ORDER BY p.event_time DESC LIMIT f.rows
    ) AS n
    UNION ALL
    (SELECT NULL, r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r.entity_id, r.problems, r."offset", r.arrived_at FROM event_records r
    WHERE r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
        AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event'))
        AND r.event_time > '-infinity' AND r.event_time >= coalesce($9, '-infinity') AND r.event_time < coalesce($10, 'infinity')
        AND r.event_time <= coalesce($13, 'infinity')
    ORDER BY r.event_time DESC LIMIT (SELECT f.rows FROM for_each f))
), complete AS MATERIALIZED (
    -- If a type has more events, only those after the last one that was read are all known.
    SELECT max(c.until) AS until FROM (
        SELECT min(r.event_time) AS until FROM seen r GROUP BY r.of_type HAVING count(*) >= (SELECT f.rows FROM for_each f)
    ) AS c
), page AS MATERIALIZED (
    SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r.row_first, r.row_arrived_at FROM seen r
    WHERE r.event_time > coalesce((SELECT c.until FROM complete c), '-infinity')
        AND ($5 IS NULL OR r.partition = $5) AND ($6 IS NULL OR r.entity_id = $6) AND ($12 IS NULL OR r.problems IS NOT NULL)
        AND ($13 IS NULL OR (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 OFFSET $2
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
