-- rewrite_problems
-- This changes the days of the log in which the records arrived.
WITH rewritten AS (
    UPDATE event_records e SET problems = n.problems
    FROM unnest($1, $2, $3, $4, $5) AS n (stream, partition, "offset", arrived_at, problems)
    WHERE e.stream = n.stream AND e.partition = n.partition AND e."offset" = n."offset" AND e.arrived_at = n.arrived_at
    RETURNING e.arrived_at
)
INSERT INTO day_changes (model, day)
SELECT DISTINCT 'events', (r.arrived_at AT TIME ZONE 'UTC')::date FROM rewritten r
ON CONFLICT DO NOTHING
