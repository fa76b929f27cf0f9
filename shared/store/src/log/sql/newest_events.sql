-- newest_events
-- The newest events of all topics, without those that have no time. It is planned once.
WITH page AS MATERIALIZED (
    SELECT k.* FROM (
        SELECT n.stream, n.partition, n."offset", n.arrived_at, n.event_time, n.row_first, n.row_arrived_at
        FROM event_types y
        CROSS JOIN LATERAL newest_places(y.id, $1 + $2, NULL, NULL, NULL, NULL, NULL, NULL, NULL) AS n
        WHERE NOT y.skipped
        UNION ALL
        (SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r."offset", r.arrived_at FROM event_records r
        WHERE r.type_id IS NULL AND r.event_time > '-infinity' AND r.reason IS NULL
        ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2)
    ) AS k
    ORDER BY k.event_time DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC LIMIT $1 OFFSET $2
)
SELECT v.stream, v.partition, v."offset", v.entity_id, v.event_time, v.event_type, v.event_version, v.checksum, v.arrived_at, v.outcome, v.reason,
    v.payload, CASE WHEN v.payload IS NULL THEN v.raw END AS raw, v.problems
FROM (SELECT DISTINCT k.stream, k.partition, k.row_first, k.row_arrived_at FROM page k) AS w
-- OFFSET makes the planner look up each row by its key.
CROSS JOIN LATERAL (
    SELECT * FROM event_values v
    WHERE v.stream = w.stream AND v.partition = w.partition AND v.row_first = w.row_first AND v.row_arrived_at = w.row_arrived_at OFFSET 0
) AS v
JOIN page k ON k.stream = v.stream AND k.partition = v.partition AND k."offset" = v."offset" AND k.row_first = v.row_first
ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC
