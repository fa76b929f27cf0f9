-- count_log
SELECT (
    SELECT count(*) FROM event_records e WHERE e.stream = ANY ($1) AND ($2 IS NULL OR e.arrived_at >= $2)
) + (
    SELECT coalesce(sum(p.records), 0)::bigint FROM packed_events p WHERE p.stream = ANY ($1) AND ($2 IS NULL OR p.arrived_at >= $2)
) + (
    -- The records that arrived later than the first one of their row.
    SELECT count(*) FROM packed_events p CROSS JOIN LATERAL unnest(p.arrivals) AS u (arrived_at)
    WHERE p.stream = ANY ($1) AND p.arrived_at < $2 AND p.arrived_at >= $2 - interval '1 hour' AND u.arrived_at >= $2
) AS records
