-- daily_totals.add
INSERT INTO daily_totals.totals AS kept (stream, day, event_type, events)
SELECT n.stream, coalesce(date '1970-01-01' + n.day, (now() AT TIME ZONE 'UTC')::date), n.event_type, sum(n.events)
FROM unnest($1, $2, $3, $4) AS n (stream, day, event_type, events)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
ON CONFLICT (stream, day, event_type) DO UPDATE SET events = kept.events + excluded.events
