-- get_event
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, coalesce(t.event_type, e.event_type) AS event_type,
    coalesce(t.event_version, e.event_version) AS event_version, e.checksum, e.arrived_at,
    CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason, e.payload,
    CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM event_records e
LEFT JOIN event_types t ON t.id = e.type_id
-- Without ~stream it is the topic's first stream. An id with a stream of another topic finds no
-- row.
WHERE e.stream = (SELECT s.id FROM streams s WHERE s.topic = $1 AND ($2 IS NULL OR s.id = $2) ORDER BY s.id LIMIT 1)
    AND e.partition = $3
    AND e."offset" = $4
