-- insert_failures
INSERT INTO failures (stream, partition, "offset", timestamp_ms, event_time, checksum, error_class, error_message, error_chain,
    entity_id, event_type, event_version, key, headers, value, value_schema, model)
SELECT n.stream, n.partition, n."offset", n.timestamp_ms, n.event_time, n.checksum, n.class, n.message,
    coalesce(string_to_array(nullif(n.chain, ''), E'\n'), '{}'), n.entity_id, n.event_type, n.event_version, n.key, n.headers::json, n.value, n.value_schema, n.model
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    AS n (stream, partition, "offset", timestamp_ms, event_time, checksum, class, message, chain, entity_id, event_type, event_version,
        key, headers, value, value_schema, model)
