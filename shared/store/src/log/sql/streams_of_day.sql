-- streams_of_day
-- Returns the streams with records that arrived on a day.
SELECT s.topic, array_agg(s.id ORDER BY s.id) AS streams
FROM (
    SELECT e.stream FROM event_records e WHERE e.arrived_at >= $1 AND e.arrived_at < $2
    UNION
    SELECT p.stream FROM packed_events p WHERE p.arrived_at >= $1 AND p.arrived_at < $2
) AS found
JOIN streams s ON s.id = found.stream
GROUP BY s.topic
ORDER BY s.topic
