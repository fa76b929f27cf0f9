-- list_failures
-- $12 names the text whose index is read: entity, type or version; null is for the index of all
-- failures. The other filters are in a CASE, because the planner would combine their indexes and
-- read everything that one of them selects.
SELECT f.stream, f.partition, f."offset", f.entity_id, f.event_time, f.event_type, f.event_version, f.checksum, f.created_at AS arrived_at,
    f.headers, f.model, f.error_class, f.error_message, f.error_chain, f.attempts, f.key, f.value
FROM failures f
WHERE f.discarded_at IS NULL
    AND ($12 IS DISTINCT FROM 'entity' OR f.entity_id IS NOT NULL AND hashtextextended(f.entity_id, 0) = hashtextextended($6, 0))
    AND ($12 IS DISTINCT FROM 'type' OR f.event_type IS NOT NULL AND hashtextextended(f.event_type, 0) = hashtextextended($7, 0))
    AND ($12 IS DISTINCT FROM 'version' OR f.event_version IS NOT NULL AND hashtextextended(f.event_version, 0) = hashtextextended($8, 0))
    AND ($9 IS NULL OR coalesce(f.event_time, '-infinity') >= $9)
    AND ($10 IS NULL OR coalesce(f.event_time, '-infinity') < $10)
    AND ($13 IS NULL OR (coalesce(f.event_time, '-infinity'), f.created_at, f.stream, f.partition, f."offset") < ($13, $14, $15, $16, $17))
    AND CASE WHEN ($3 IS NULL AND $4 IS NULL
                OR f.stream = ANY (ARRAY (SELECT r.id FROM streams r WHERE ($3 IS NULL OR r.topic = ANY ($3)) AND ($4 IS NULL OR r.group_id = $4))))
            AND ($5 IS NULL OR f.partition = $5)
            AND ($6 IS NULL OR f.entity_id = $6)
            AND ($7 IS NULL OR f.event_type = $7)
            AND ($8 IS NULL OR f.event_version = $8)
            AND ($10 IS NULL OR f.event_time IS NOT NULL)
            AND ($11 IS NULL OR f.error_class = $11)
        THEN true ELSE false END
ORDER BY coalesce(f.event_time, '-infinity') DESC, f.created_at DESC, f.stream DESC, f.partition DESC, f."offset" DESC
LIMIT $1 OFFSET $2
