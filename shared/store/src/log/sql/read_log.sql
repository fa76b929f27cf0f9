-- read_log
SELECT s.topic, e.stream, e.partition, e."offset", e.arrived_at, e.problems, e.timestamp_ms, e.checksum, e.key, e.headers::text,
    coalesce(e.raw, convert_to(e.payload::text, 'UTF8')) AS value,
    e.outcome = 'skipped' AND e.reason NOT LIKE 'event_already_consumed%' AS skipped,
    false AS repeated, s.group_id
FROM events e
JOIN streams s ON s.id = e.stream
WHERE e.stream = ANY ($1) AND ($2 IS NULL OR e.arrived_at >= $2)
    AND NOT (e.outcome = 'skipped' AND e.reason LIKE 'event_already_consumed%')
ORDER BY e.stream, e.partition, e."offset"
