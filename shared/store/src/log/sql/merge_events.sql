-- merge_events
-- The events that list_events.sql returns, for its filters except partition, entity and findings.
-- An index has the narrow events of each of the first 8 types in their order, and these are merged,
-- so nothing of them is sorted in memory or on the disk. The events of further types, and those of
-- packed rows, are sorted. The planner does this when it may not sort (`enable_sort = off`).
WITH types AS MATERIALIZED (
    SELECT array_agg(y.id ORDER BY y.id) AS ids, array_agg(y.event_type ORDER BY y.id) AS types, array_agg(y.event_version ORDER BY y.id) AS versions
    FROM event_types y
    JOIN streams s ON s.id = y.stream
    WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
        AND ($7 IS NULL OR y.event_type = $7) AND ($8 IS NULL OR y.event_version = $8)
        AND ($11 IS NULL OR y.skipped = ($11 = 'skipped'))
), of_streams AS MATERIALIZED (
    SELECT s.id FROM streams s WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
)
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, e.known_type AS event_type, e.known_version AS event_version,
    e.checksum, e.arrived_at,
    CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason, e.payload,
    CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM (
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[1] FROM types y) AS known_type, (SELECT y.versions[1] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[1] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[2] FROM types y) AS known_type, (SELECT y.versions[2] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[2] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[3] FROM types y) AS known_type, (SELECT y.versions[3] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[3] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[4] FROM types y) AS known_type, (SELECT y.versions[4] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[4] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[5] FROM types y) AS known_type, (SELECT y.versions[5] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[5] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[6] FROM types y) AS known_type, (SELECT y.versions[6] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[6] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[7] FROM types y) AS known_type, (SELECT y.versions[7] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[7] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, (SELECT y.types[8] FROM types y) AS known_type, (SELECT y.versions[8] FROM types y) AS known_version
    FROM event_records r WHERE r.type_id = (SELECT y.ids[8] FROM types y) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, t.event_type, t.event_version FROM event_records r JOIN event_types t ON t.id = r.type_id
    WHERE r.type_id = ANY (ARRAY (SELECT unnest(y.ids[9:]) FROM types y)) AND r.event_time > '-infinity'
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT r.event_time AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, r.event_type, r.event_version FROM event_records r
    WHERE r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s)) AND r.event_time > '-infinity'
        AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event'))
        AND ($9 IS NULL OR r.event_time >= $9) AND ($10 IS NULL OR r.event_time < $10)
        AND ($13 IS NULL OR r.event_time <= $13 AND (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC)
    UNION ALL
    (SELECT v.event_time AS at, v."offset", v.arrived_at, v.stream, v.partition, v.event_time, v.checksum, v.reason, v.entity_id, v.payload, v.raw, v.problems,
        v.event_type, v.event_version
    FROM event_values v
    WHERE v.packed AND v.type_id = ANY (ARRAY (SELECT unnest(y.ids) FROM types y))
        AND ($9 IS NULL OR v.row_newest >= $9 AND v.event_time >= $9) AND ($10 IS NULL OR v.row_oldest < $10 AND v.event_time < $10)
        AND ($13 IS NULL OR v.row_oldest <= $13 AND (v.event_time, v.arrived_at, v.stream, v.partition, v."offset") < ($13, $14, $15, $16, $17))
    ORDER BY v.event_time DESC, v.arrived_at DESC, v.stream DESC, v.partition DESC, v."offset" DESC)
    UNION ALL
    (SELECT '-infinity'::timestamptz AS at, r."offset", r.arrived_at, r.stream, r.partition, r.event_time, r.checksum, r.reason, r.entity_id, r.payload, r.raw, r.problems, coalesce(t.event_type, r.event_type), coalesce(t.event_version, r.event_version)
    FROM event_records r LEFT JOIN event_types t ON t.id = r.type_id
    WHERE r.event_time IS NULL AND $9 IS NULL AND $10 IS NULL
        AND (r.type_id = ANY (ARRAY (SELECT unnest(y.ids) FROM types y))
            OR r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
                AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event')))
        AND ($13 IS NULL OR ('-infinity', r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17)))
) AS e
ORDER BY e.at DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
LIMIT $1 OFFSET $2
