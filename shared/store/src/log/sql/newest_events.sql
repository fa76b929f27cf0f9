-- newest_events
-- Like list.sql without filters, so that it is planned once.
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, e.event_type, e.event_version, e.checksum, e.arrived_at,
    e.outcome, e.reason, e.payload, CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM events e
WHERE e.outcome = 'event'
ORDER BY coalesce(e.event_time, '-infinity') DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
LIMIT $1 OFFSET $2
