-- narrow_events_of_entity
-- The newest events of an entity without packed rows and with at most 200 narrow ones: $1 limit,
-- $2 number of events to leave out, $3 entity. Returns none for another entity. It is planned once.
WITH found AS MATERIALIZED (
    SELECT r.* FROM event_records r WHERE r.entity_id = $3 AND r.reason IS NULL LIMIT 201
)
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, coalesce(t.event_type, e.event_type) AS event_type,
    coalesce(t.event_version, e.event_version) AS event_version, e.checksum, e.arrived_at, 'event' AS outcome, e.reason, e.payload,
    CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems,
    (SELECT max(f.newest) FROM archived_files f) AS newest_archived
FROM found e
LEFT JOIN event_types t ON t.id = e.type_id
WHERE (SELECT count(*) FROM found) <= 200
    -- The subselect computes the hash once, not for each month.
    AND NOT EXISTS (SELECT FROM packed_events p WHERE p.entity_hashes @> ARRAY (SELECT api.entity_hash($3)))
ORDER BY coalesce(e.event_time, '-infinity') DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
LIMIT $1 OFFSET $2
