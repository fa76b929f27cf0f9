-- get_event
SELECT v.stream, v.partition, v."offset", v.entity_id, v.event_time, v.event_type, v.event_version, v.checksum, v.arrived_at, v.outcome, v.reason,
    v.payload, CASE WHEN v.payload IS NULL THEN v.raw END AS raw, v.problems
FROM event_values v
-- Without ~stream it is the topic's first stream. An id with a stream of another topic finds no
-- row.
WHERE v.stream = (SELECT s.id FROM streams s WHERE s.topic = $1 AND ($2 IS NULL OR s.id = $2) ORDER BY s.id LIMIT 1)
    AND v.partition = $3 AND v."offset" = $4 AND v.row_first <= $4 AND v.row_first > $4 - 4096 AND v.row_last >= $4
