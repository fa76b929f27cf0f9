-- upsert_readings
INSERT INTO readings AS kept (sensor, "timestamp", value, record_timestamp_ms, stream, partition, "offset")
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (sensor, "timestamp") DO UPDATE SET
    value = excluded.value,
    record_timestamp_ms = excluded.record_timestamp_ms,
    stream = excluded.stream,
    partition = excluded.partition,
    "offset" = excluded."offset"
WHERE (excluded.record_timestamp_ms, excluded.stream, excluded.partition, excluded."offset")
    > (kept.record_timestamp_ms, kept.stream, kept.partition, kept."offset")
