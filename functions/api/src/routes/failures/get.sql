-- get_failure
SELECT f.stream, f.partition, f."offset", f.entity_id, f.event_time, f.event_type, f.event_version, f.checksum, f.created_at AS arrived_at,
    f.headers, f.model, f.error_class, f.error_message, f.error_chain, f.attempts, f.key, f.value
FROM failures f
WHERE f.stream = (SELECT s.id FROM streams s WHERE s.topic = $1 AND ($2 IS NULL OR s.id = $2) ORDER BY s.id LIMIT 1)
    AND f.partition = $3
    AND f."offset" = $4
    AND f.discarded_at IS NULL
