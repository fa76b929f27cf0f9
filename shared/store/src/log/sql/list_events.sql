-- list_events
-- All events that pass the filters, the newest first. The parameters:
-- $1 limit or null, $2 number of events to leave out, then filters, each null if not given: $3
-- topics, $4 group, $5 partition, $6 entity, $7 type, $8 version, $9 from, $10 to, $11 outcome, $12
-- whether only with findings, and the key of the last event of the page before: $13 event time,
-- $14 arrival, $15 stream, $16 partition, $17 offset.
WITH types AS MATERIALIZED (
    SELECT y.id FROM event_types y
    JOIN streams s ON s.id = y.stream
    WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
        AND ($7 IS NULL OR y.event_type = $7) AND ($8 IS NULL OR y.event_version = $8)
        AND ($11 IS NULL OR y.skipped = ($11 = 'skipped'))
), of_streams AS MATERIALIZED (
    SELECT s.id FROM streams s WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
)
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, e.event_type, e.event_version, e.checksum, e.arrived_at, e.outcome, e.reason,
    e.payload, CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM (
    SELECT v.* FROM event_values v
    WHERE NOT v.packed AND v.type_id = ANY (ARRAY (SELECT y.id FROM types y))
        -- With the streams, the key of the log has the records of a partition.
        AND ($5 IS NULL OR v.partition = $5 AND v.stream = ANY (ARRAY (SELECT s.id FROM of_streams s)))
        AND ($6 IS NULL OR v.entity_id = $6)
        AND ($9 IS NULL OR v.event_time >= $9)
        AND ($10 IS NULL OR v.event_time < $10)
        AND ($12 IS NULL OR v.problems IS NOT NULL)
        AND ($13 IS NULL OR (coalesce(v.event_time, '-infinity'), v.arrived_at, v.stream, v.partition, v."offset") < ($13, $14, $15, $16, $17))
    UNION ALL
    SELECT v.* FROM event_values v
    WHERE v.packed AND v.type_id = ANY (ARRAY (SELECT y.id FROM types y))
        AND ($5 IS NULL OR v.partition = $5 AND v.stream = ANY (ARRAY (SELECT s.id FROM of_streams s)))
        AND ($6 IS NULL OR v.row_entities @> ARRAY[api.entity_hash($6)] AND v.entity_id = $6)
        AND ($9 IS NULL OR v.row_newest >= $9 AND v.event_time >= $9)
        AND ($10 IS NULL OR v.row_oldest < $10 AND v.event_time < $10)
        -- Records with findings are narrow rows.
        AND $12 IS NULL
        AND ($13 IS NULL OR v.row_oldest <= $13 AND (v.event_time, v.arrived_at, v.stream, v.partition, v."offset") < ($13, $14, $15, $16, $17))
    UNION ALL
    SELECT v.* FROM event_values v
    WHERE NOT v.packed AND v.type_id IS NULL AND v.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
        AND ($7 IS NULL OR v.event_type = $7) AND ($8 IS NULL OR v.event_version = $8) AND ($11 IS NULL OR v.outcome = $11)
        AND ($5 IS NULL OR v.partition = $5)
        AND ($6 IS NULL OR v.entity_id = $6)
        AND ($9 IS NULL OR v.event_time >= $9)
        AND ($10 IS NULL OR v.event_time < $10)
        AND ($12 IS NULL OR v.problems IS NOT NULL)
        AND ($13 IS NULL OR (coalesce(v.event_time, '-infinity'), v.arrived_at, v.stream, v.partition, v."offset") < ($13, $14, $15, $16, $17))
) AS e
ORDER BY coalesce(e.event_time, '-infinity') DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
LIMIT $1 OFFSET $2
