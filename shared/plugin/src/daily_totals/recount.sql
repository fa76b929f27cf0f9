-- daily_totals.recount
INSERT INTO daily_totals.totals (stream, day, event_type, events)
SELECT e.stream, (coalesce(e.event_time, e.arrived_at) AT TIME ZONE 'UTC')::date AS day, coalesce(e.event_type, ''), count(*)
FROM public.events e
WHERE e.stream = $1 AND e.outcome = 'event'
    AND ($2 IS NULL OR (coalesce(e.event_time, e.arrived_at) AT TIME ZONE 'UTC')::date = date '1970-01-01' + $2)
    AND ($3 IS NULL OR coalesce(e.event_type, '') = $3)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
