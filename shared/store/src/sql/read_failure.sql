-- read_failure
SELECT now() AS begun_at, s.topic, s.group_id, f.timestamp_ms, f.checksum, f.key, f.headers::text, f.value, f.value_schema, f.error_class, f.error_message
FROM failures f
JOIN streams s ON s.id = f.stream
WHERE f.stream = $1 AND f.partition = $2 AND f."offset" = $3 AND f.discarded_at IS NULL
