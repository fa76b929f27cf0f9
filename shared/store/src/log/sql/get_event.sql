-- get_event
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, e.event_type, e.event_version, e.checksum, e.arrived_at,
    e.outcome, e.reason, e.payload, CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM events e
-- Without ~stream it is the topic's first stream. An id with a stream of another topic finds no
-- row.
WHERE e.stream = (SELECT s.id FROM streams s WHERE s.topic = $1 AND ($2 IS NULL OR s.id = $2) ORDER BY s.id LIMIT 1)
    AND e.partition = $3
    AND e."offset" = $4
