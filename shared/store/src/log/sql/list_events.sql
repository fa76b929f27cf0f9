-- list_events
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, e.event_type, e.event_version, e.checksum, e.arrived_at,
    e.outcome, e.reason, e.payload, CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM events e
WHERE ($3 IS NULL AND $4 IS NULL
        OR e.stream = ANY (ARRAY (SELECT f.id FROM streams f WHERE ($3 IS NULL OR f.topic = ANY ($3)) AND ($4 IS NULL OR f.group_id = $4))))
    AND ($5 IS NULL OR e.partition = $5)
    AND ($6 IS NULL OR e.entity_id = $6)
    AND ($7 IS NULL OR e.event_type = $7)
    AND ($8 IS NULL OR e.event_version = $8)
    AND ($9 IS NULL OR coalesce(e.event_time, '-infinity') >= $9)
    AND ($10 IS NULL OR coalesce(e.event_time, '-infinity') < $10 AND e.event_time IS NOT NULL)
    AND ($11 IS NULL OR e.outcome = $11)
    AND ($12 IS NULL OR e.problems IS NOT NULL)
    AND ($13 IS NULL OR (coalesce(e.event_time, '-infinity'), e.arrived_at, e.stream, e.partition, e."offset") < ($13, $14, $15, $16, $17))
-- The same order as in the indexes events_newest, events_of_entity and events_with_problems.
ORDER BY coalesce(e.event_time, '-infinity') DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
LIMIT $1 OFFSET $2
