-- narrow_events_of_entity
-- The newest events of an entity without packed rows and with at most 2,000 narrow ones: $1 limit,
-- $2 number of events to leave out, $3 entity. Returns none for another entity. It is planned once.
WITH found AS MATERIALIZED (
    SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time FROM event_records r
    WHERE r.entity_id = $3 AND r.reason IS NULL
        AND NOT EXISTS (SELECT FROM packed_events p WHERE p.entity_hashes @> ARRAY[api.entity_hash($3)])
    LIMIT 2001
)
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, coalesce(t.event_type, e.event_type) AS event_type,
    coalesce(t.event_version, e.event_version) AS event_version, e.checksum, e.arrived_at,
    CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason, e.payload,
    CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM (
    SELECT * FROM found AS k WHERE (SELECT count(*) FROM found) <= 2000
    ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC LIMIT $1 OFFSET $2
) AS k
JOIN event_records e ON e.stream = k.stream AND e.partition = k.partition AND e."offset" = k."offset" AND e.arrived_at = k.arrived_at
LEFT JOIN event_types t ON t.id = e.type_id
ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC
