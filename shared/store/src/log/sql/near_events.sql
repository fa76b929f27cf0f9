-- near_events
-- The page that list_events.sql returns, if it is among the newest 20,000 events of the wanted
-- types; otherwise fewer events than a page. The parameters are those of list_events.sql.
WITH types AS MATERIALIZED (
    SELECT y.id FROM event_types y
    JOIN streams s ON s.id = y.stream
    WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
        AND ($7 IS NULL OR y.event_type = $7) AND ($8 IS NULL OR y.event_version = $8)
        AND ($11 IS NULL OR y.skipped = ($11 = 'skipped'))
), of_streams AS MATERIALIZED (
    SELECT s.id FROM streams s WHERE ($3 IS NULL OR s.topic = ANY ($3)) AND ($4 IS NULL OR s.group_id = $4)
), for_each AS MATERIALIZED (
    SELECT greatest(100, 20000 / (1 + count(*))) AS rows FROM types
), seen AS MATERIALIZED (
    SELECT y.id AS of_type, n.* FROM types y
    CROSS JOIN LATERAL (
        SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r.entity_id, r.problems FROM event_records r
        WHERE r.type_id = y.id AND r.event_time > '-infinity' AND r.event_time >= coalesce($9, '-infinity') AND r.event_time < coalesce($10, 'infinity')
            AND r.event_time <= coalesce($13, 'infinity')
        ORDER BY r.event_time DESC LIMIT (SELECT f.rows FROM for_each f)
    ) AS n
    UNION ALL
    (SELECT NULL, r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r.entity_id, r.problems FROM event_records r
    WHERE r.type_id IS NULL AND r.stream = ANY (ARRAY (SELECT s.id FROM of_streams s))
        AND ($7 IS NULL OR r.event_type = $7) AND ($8 IS NULL OR r.event_version = $8) AND ($11 IS NULL OR (r.reason IS NULL) = ($11 = 'event'))
        AND r.event_time > '-infinity' AND r.event_time >= coalesce($9, '-infinity') AND r.event_time < coalesce($10, 'infinity')
        AND r.event_time <= coalesce($13, 'infinity')
    ORDER BY r.event_time DESC LIMIT (SELECT f.rows FROM for_each f))
), complete AS MATERIALIZED (
    -- If a type has more events, only those after the last one that was read are all known.
    SELECT max(c.until) AS until FROM (
        SELECT min(r.event_time) AS until FROM seen r GROUP BY r.of_type HAVING count(*) >= (SELECT f.rows FROM for_each f)
    ) AS c
)
SELECT e.stream, e.partition, e."offset", e.entity_id, e.event_time, coalesce(t.event_type, e.event_type) AS event_type,
    coalesce(t.event_version, e.event_version) AS event_version, e.checksum, e.arrived_at,
    CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason, e.payload,
    CASE WHEN e.payload IS NULL THEN e.raw END AS raw, e.problems
FROM (
    SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time FROM seen r
    WHERE r.event_time > coalesce((SELECT c.until FROM complete c), '-infinity')
        AND ($5 IS NULL OR r.partition = $5) AND ($6 IS NULL OR r.entity_id = $6) AND ($12 IS NULL OR r.problems IS NOT NULL)
        AND ($13 IS NULL OR (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < ($13, $14, $15, $16, $17))
    ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT $1 OFFSET $2
) AS k
JOIN event_records e ON e.stream = k.stream AND e.partition = k.partition AND e."offset" = k."offset" AND e.arrived_at = k.arrived_at
LEFT JOIN event_types t ON t.id = e.type_id
ORDER BY coalesce(k.event_time, '-infinity') DESC, k.arrived_at DESC, k.stream DESC, k.partition DESC, k."offset" DESC
