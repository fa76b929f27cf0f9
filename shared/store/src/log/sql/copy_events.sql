-- copy_events
COPY event_records ("offset", event_time, timestamp_ms, stream, partition, type_id, checksum, key_is_entity, reason, key, headers, entity_id,
    event_type, event_version, payload, raw, problems) FROM STDIN (FORMAT binary)
