-- read_event
SELECT s.topic, v.stream, v.partition, v."offset", v.arrived_at, v.problems, v.timestamp_ms, v.checksum, v.key, v.headers::text,
    coalesce(v.raw, convert_to(v.payload::text, 'UTF8')) AS value,
    v.outcome = 'skipped' AND v.reason NOT LIKE 'event_already_consumed%' AS skipped,
    v.outcome = 'skipped' AND v.reason LIKE 'event_already_consumed%' AS repeated,
    s.group_id
FROM event_values v
JOIN streams s ON s.id = v.stream
WHERE v.stream = $1 AND v.partition = $2 AND v."offset" = $3 AND v.row_first <= $3 AND v.row_first > $3 - 4096 AND v.row_last >= $3
