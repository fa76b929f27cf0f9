-- list_pending_failures
SELECT f.stream, f.partition, f."offset"
FROM failures f
WHERE f.discarded_at IS NULL
    AND ($1 IS NULL AND $2 IS NULL
        OR f.stream = ANY (ARRAY (SELECT r.id FROM streams r WHERE ($1 IS NULL OR r.topic = ANY ($1)) AND ($2 IS NULL OR r.group_id = $2))))
    AND ($3 IS NULL OR f.partition = $3)
    AND ($4 IS NULL OR hashtextextended(f.entity_id, 0) = hashtextextended($4, 0) AND f.entity_id = $4)
    AND ($5 IS NULL OR hashtextextended(f.event_type, 0) = hashtextextended($5, 0) AND f.event_type = $5)
    AND ($6 IS NULL OR hashtextextended(f.event_version, 0) = hashtextextended($6, 0) AND f.event_version = $6)
    AND ($7 IS NULL OR coalesce(f.event_time, '-infinity') >= $7)
    AND ($8 IS NULL OR coalesce(f.event_time, '-infinity') < $8 AND f.event_time IS NOT NULL)
    AND ($9 IS NULL OR f.error_class = $9)
-- Failures with the fewest attempts are first, so that the next call continues where this one ends.
ORDER BY f.attempts, f.created_at, f.stream, f.partition, f."offset"
LIMIT $10
