-- copy_packed_events
COPY packed_events (first_offset, last_offset, oldest, newest, stream, partition, type_id, records, key_is_entity, offsets, event_times, timestamps,
    checksums, reasons, keys, headers, entity_hashes, entity_ids, payloads, raws) FROM STDIN (FORMAT binary)
