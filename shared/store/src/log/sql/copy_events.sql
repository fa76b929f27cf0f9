-- copy_events
COPY events (stream, partition, "offset", timestamp_ms, event_time, checksum, outcome, reason, key, headers, entity_id, event_type,
    event_version, payload, raw, problems) FROM STDIN (FORMAT binary)
