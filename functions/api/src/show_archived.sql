-- show_archived
-- Returns archived events as rows with the columns of the lists of events.
SELECT n.stream, n.partition, n."offset", n.entity_id, n.event_time, n.event_type, n.event_version, n.checksum, n.arrived_at, n.outcome, n.reason,
    n.payload::json AS payload, CASE WHEN n.payload IS NULL THEN n.raw END AS raw, n.problems
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    AS n (stream, partition, "offset", entity_id, event_time, event_type, event_version, checksum, arrived_at, outcome, reason, payload, raw, problems)
