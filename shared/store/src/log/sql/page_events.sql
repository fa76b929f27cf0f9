-- page_events
-- A page of the events of some topics, groups, types, versions and outcomes. Each of these is a set
-- of types, and the newest events of each type are read from an index. So nothing is read that is
-- not wanted. The parameters are those of list_events.sql.
WITH types AS MATERIALIZED (
    SELECT y.id FROM event_types y
    JOIN streams s ON s.id = y.stream
    WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
        AND ($7 IS NULL OR y.event_type = $7) AND ($8 IS NULL OR y.event_version = $8)
        AND ($11 IS NULL OR y.skipped = ($11 = 'skipped'))
), of_streams AS MATERIALIZED (
    SELECT s.id FROM streams s WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
), dated AS MATERIALIZED (
    SELECT d.* FROM (
        SELECT n.* FROM types y
        CROSS JOIN LATERAL (
            SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time FROM event_records r
            WHERE r.type_id = y.id AND r.event_time > '-infinity' AND r.event_time >= coalesce($9, '-infinity') AND r.event_time < coalesce($10, 'infinity')
                AND r.event_time <= coalesce($13, 'infinity')
                AND ($13 IS NULL OR (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
            ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2
        ) AS n
        UNION ALL
        (SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time FROM event_records r
        WHERE r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
            AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event'))
            AND r.event_time > '-infinity' AND r.event_time >= coalesce($9, '-infinity') AND r.event_time < coalesce($10, 'infinity')
            AND r.event_time <= coalesce($13, 'infinity')
            AND ($13 IS NULL OR (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
        ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2)
    ) AS d
    ORDER BY d.event_time DESC, d.arrived_at DESC, d.stream DESC, d.partition DESC, d."offset" DESC LIMIT $1 + $2
), undated AS (
    SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time FROM event_records r
    WHERE r.event_time IS NULL AND $9 IS NULL AND $10 IS NULL AND (SELECT count(*) FROM dated) < $1 + $2
        AND (r.type_id = ANY (ARRAY (SELECT y.id FROM types y))
            OR r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
                AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event')))
        AND ($13 IS NULL OR ('-infinity', r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 + $2
)
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, coalesce(t.event_type, e.event_type) AS event_type,
    coalesce(t.event_version, e.event_version) AS event_version, e.checksum, e.arrived_at,
    CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason, e.payload,
    CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM (
    SELECT * FROM (SELECT * FROM dated UNION ALL SELECT * FROM undated) AS k
    ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC LIMIT $1 OFFSET $2
) AS k
JOIN event_records e ON e.stream = k.stream AND e.partition = k.partition AND e."offset" = k."offset" AND e.arrived_at = k.arrived_at
LEFT JOIN event_types t ON t.id = e.type_id
ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC
