-- newest_events
-- The newest events of all topics, without those that have no time. It is planned once.
WITH heads AS MATERIALIZED (
    SELECT p.oldest, p.newest, p.records
    FROM event_types y
    CROSS JOIN LATERAL (SELECT p.oldest, p.newest, p.records FROM packed_events p WHERE p.type_id = y.id ORDER BY p.newest DESC LIMIT $1 + $2) AS p
    WHERE NOT y.skipped
), since AS MATERIALIZED (
    -- The newest packed rows of all types, down to the one with which their records are enough. No
    -- wanted record is older than these.
    SELECT coalesce(min(b.oldest), '-infinity') AS time
    FROM (SELECT h.oldest, sum(h.records) OVER (ORDER BY h.newest DESC ROWS UNBOUNDED PRECEDING) - h.records AS before FROM heads h) AS b
    WHERE b.before < $1 + $2
), page AS MATERIALIZED (
    SELECT k.* FROM (
        SELECT n.* FROM event_types y
        CROSS JOIN LATERAL (
            SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r."offset" AS row_first, r.arrived_at AS row_arrived_at
            FROM event_records r
            WHERE r.type_id = y.id AND r.event_time > '-infinity' AND r.event_time >= (SELECT s.time FROM since s)
            ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2
        ) AS n
        WHERE NOT y.skipped
        UNION ALL
        SELECT e.stream, e.partition, e."offset", e.arrived_at, e.event_time, e.row_first, e.row_arrived_at
        FROM event_types y
        CROSS JOIN LATERAL (
            SELECT * FROM event_places e
            WHERE e.packed AND e.type_id = y.id AND e.row_newest >= (SELECT s.time FROM since s) AND e.event_time >= (SELECT s.time FROM since s) OFFSET 0
        ) AS e
        WHERE NOT y.skipped
        UNION ALL
        (SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r."offset", r.arrived_at FROM event_records r
        WHERE r.type_id IS NULL AND r.event_time > '-infinity' AND r.reason IS NULL
        ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2)
    ) AS k
    ORDER BY k.event_time DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC LIMIT $1 OFFSET $2
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
