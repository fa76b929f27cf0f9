-- newest_narrow_events
-- The page of newest_events.sql, if no packed row has an event of this page; otherwise no row. It
-- is planned once.
WITH page AS MATERIALIZED (
    SELECT e.* FROM (
        SELECT n.*, y.event_type AS known_type, y.event_version AS known_version
        FROM event_types y
        CROSS JOIN LATERAL (
            SELECT r.* FROM event_records r WHERE r.type_id = y.id AND r.event_time > '-infinity'
            ORDER BY r.event_time DESC, r.arrived_at DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2
        ) AS n
        WHERE NOT y.skipped
        UNION ALL
        (SELECT r.*, r.event_type, r.event_version FROM event_records r WHERE r.type_id IS NULL AND r.event_time > '-infinity' AND r.reason IS NULL
        ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2)
    ) AS e
    ORDER BY e.event_time DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
    LIMIT $1 OFFSET $2
)
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, e.known_type AS event_type, e.known_version AS event_version,
    e.checksum, e.arrived_at, 'event' AS outcome, e.reason, e.payload, CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems,
    (SELECT max(f.newest) FROM archived_files f) AS newest_archived
FROM page e
WHERE NOT EXISTS (
    SELECT FROM event_types y
    CROSS JOIN LATERAL (
        SELECT FROM packed_events p WHERE p.type_id = y.id AND p.newest >= (SELECT min(k.event_time) FROM page k) LIMIT 1
    ) AS p
    WHERE NOT y.skipped
)
ORDER BY e.event_time DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
