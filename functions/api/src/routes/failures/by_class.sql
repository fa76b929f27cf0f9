-- list_failures_by_class
-- Reads the newest failures of each partition and class that can have some, in the order of the
-- index failures_of_class. A filter that matches nothing or little costs no more than one that
-- matches all. The filters of texts are in a CASE, because the planner would combine other indexes
-- for them. $12 is for the other statement of the list.
SELECT f.stream, f.partition, f."offset", f.entity_id, f.event_time, f.event_type, f.event_version, f.checksum, f.created_at AS arrived_at,
    f.headers, f.model, f.error_class, f.error_message, f.error_chain, f.attempts, f.key, f.value
FROM failure_counts c
CROSS JOIN LATERAL (
    SELECT n.*
    FROM failures n
    WHERE n.discarded_at IS NULL AND n.stream = c.stream AND n.partition = c.partition AND n.error_class = c.error_class
        AND ($9 IS NULL OR coalesce(n.event_time, '-infinity') >= $9)
        AND ($10 IS NULL OR coalesce(n.event_time, '-infinity') < $10)
        AND ($13 IS NULL OR (coalesce(n.event_time, '-infinity'), n.created_at, n.stream, n.partition, n."offset") < ($13, $14, $15, $16, $17))
        AND CASE WHEN ($6 IS NULL OR n.entity_id = $6)
                AND ($7 IS NULL OR n.event_type = $7)
                AND ($8 IS NULL OR n.event_version = $8)
                AND ($10 IS NULL OR n.event_time IS NOT NULL)
            THEN true ELSE false END
    ORDER BY coalesce(n.event_time, '-infinity') DESC, n.created_at DESC, n."offset" DESC
    -- The sum may be too large for bigint; without a limit it is null.
    LIMIT least($1::numeric + $2, 9223372036854775807)::bigint
) AS f
WHERE c.open > 0
    AND ($3 IS NULL AND $4 IS NULL
        OR c.stream = ANY (ARRAY (SELECT r.id FROM streams r WHERE ($3 IS NULL OR r.topic = ANY ($3)) AND ($4 IS NULL OR r.group_id = $4))))
    AND ($5 IS NULL OR c.partition = $5)
    AND ($11 IS NULL OR c.error_class = $11)
ORDER BY coalesce(f.event_time, '-infinity') DESC, f.created_at DESC, f.stream DESC, f.partition DESC, f."offset" DESC
LIMIT $1 OFFSET $2
