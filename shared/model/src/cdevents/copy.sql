-- copy_cdevents
COPY cdevents (id, source, type, "timestamp", subject, predicate, version, subject_id, subject_source, chain_id, problems, payload,
    checksum, record_timestamp_ms, stream, partition, "offset") FROM STDIN (FORMAT binary)
