-- places_to_pack
-- The partitions with narrow rows that arrived in the hour from $1 on and can be packed.
SELECT e.stream, e.partition, min(e."offset") - 1 AS after
FROM event_records e
WHERE e.arrived_at >= $1 AND e.arrived_at < $1 + interval '1 hour'
    AND e.type_id IS NOT NULL AND isfinite(e.event_time) AND e.problems IS NULL
GROUP BY e.stream, e.partition
HAVING count(*) >= 5
ORDER BY e.stream, e.partition
