-- events_of_entity
-- The newest events of an entity: $1 limit, $2 number of events to leave out, $3 entity. Returns
-- none for an entity with more than 2,000 narrow rows or 5,000 packed ones. It is planned once.
WITH packed AS MATERIALIZED (
    SELECT p.stream, p.partition, p.first_offset, p.arrived_at, p.oldest, p.newest
    FROM packed_events p
    WHERE p.entity_hashes @> ARRAY (SELECT api.entity_hash($3)) AND p.type_id = ANY (ARRAY (SELECT y.id FROM event_types y WHERE NOT y.skipped))
    LIMIT 5001
), since AS MATERIALIZED (
    -- Each row has an event of the entity. So no wanted event is older than all of as many rows as
    -- events are wanted.
    SELECT coalesce((SELECT p.oldest FROM packed p ORDER BY p.oldest DESC OFFSET $1 + $2 - 1 LIMIT 1), '-infinity') AS time
), of_packed AS MATERIALIZED (
    SELECT e.stream, e.partition, e."offset", e.arrived_at, e.event_time, e.row_first, e.row_arrived_at
    FROM since
    JOIN packed p ON p.newest >= since.time
    CROSS JOIN LATERAL (
        SELECT * FROM event_places e
        WHERE e.packed AND e.stream = p.stream AND e.partition = p.partition AND e.row_first = p.first_offset AND e.row_arrived_at = p.arrived_at OFFSET 0
    ) AS e
    WHERE e.entity_id = $3 AND e.event_time >= since.time
), of_narrow AS MATERIALIZED (
    SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r."offset" AS row_first, r.arrived_at AS row_arrived_at
    FROM event_records r WHERE r.entity_id = $3 AND r.reason IS NULL LIMIT 2001
), page AS MATERIALIZED (
    SELECT * FROM (SELECT * FROM of_narrow UNION ALL SELECT * FROM of_packed) AS k
    WHERE (SELECT count(*) FROM of_narrow) <= 2000 AND (SELECT count(*) FROM packed) <= 5000
        -- Another entity may have the same hash, so a row may have no event of this one.
        AND ((SELECT s.time FROM since s) = '-infinity' OR (SELECT count(*) FROM of_packed) >= $1 + $2)
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
