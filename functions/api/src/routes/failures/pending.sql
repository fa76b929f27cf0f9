-- list_pending_failures
SELECT f.stream, f.partition, f."offset"
FROM failures f
WHERE f.discarded_at IS NULL
    AND ($1 IS NULL AND $2 IS NULL
        OR f.stream = ANY (ARRAY (SELECT r.id FROM streams r WHERE ($1 IS NULL OR r.topic = ANY ($1)) AND ($2 IS NULL OR r.group_id = $2))))
    AND ($3 IS NULL OR f.partition = $3)
    AND ($4 IS NULL OR f.entity_id = $4)
    AND ($5 IS NULL OR f.event_type = $5)
    AND ($6 IS NULL OR f.event_version = $6)
    AND ($7 IS NULL OR f.event_time >= $7)
    AND ($8 IS NULL OR f.event_time < $8)
-- Failures with the fewest attempts are first, so that the next call continues where this one ends.
ORDER BY f.attempts, f.created_at, f.stream, f.partition, f."offset"
LIMIT $9
