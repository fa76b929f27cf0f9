-- read_event
SELECT s.topic, e.stream, e.partition, e."offset", e.arrived_at, e.problems, e.timestamp_ms, e.checksum, e.key, e.headers::text,
    coalesce(e.raw, convert_to(e.payload::text, 'UTF8')) AS value,
    e.outcome = 'skipped' AND e.reason NOT LIKE 'event_already_consumed%' AS skipped,
    e.outcome = 'skipped' AND e.reason LIKE 'event_already_consumed%' AS repeated,
    s.group_id
FROM events e
JOIN streams s ON s.id = e.stream
WHERE e.stream = $1 AND e.partition = $2 AND e."offset" = $3
