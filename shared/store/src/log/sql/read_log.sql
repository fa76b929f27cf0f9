-- read_log
-- The records of a partition after an offset, in the order of their offsets: $1 stream, $2
-- partition, $3 the offset, $4 the last offset, $5 the earliest arrival or null.
SELECT s.topic, v.stream, v.partition, v."offset", v.arrived_at, v.problems, v.timestamp_ms, v.checksum, v.key, v.headers::text,
    coalesce(v.raw, convert_to(v.payload::text, 'UTF8')) AS value,
    v.outcome = 'skipped' AND v.reason NOT LIKE 'event_already_consumed%' AS skipped,
    false AS repeated, s.group_id
FROM event_values v
JOIN streams s ON s.id = v.stream
WHERE v.stream = $1 AND v.partition = $2 AND v."offset" > $3 AND v."offset" <= $4
    AND v.row_first > $3 - 4096 AND v.row_last > $3 AND v.row_first <= $4
    AND ($5 IS NULL OR v.arrived_at >= $5 AND v.row_arrived_at >= $5 - interval '1 hour')
    AND NOT (v.outcome = 'skipped' AND v.reason LIKE 'event_already_consumed%')
ORDER BY v."offset"
