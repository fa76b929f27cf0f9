-- daily_totals.totals
SELECT s.topic, t.day::text AS day, t.event_type, sum(t.events)::bigint AS events
FROM daily_totals.totals t
JOIN public.streams s ON s.id = t.stream
WHERE ($1 IS NULL OR s.topic = $1) AND ($2 IS NULL OR t.day >= $2::date) AND ($3 IS NULL OR t.day <= $3::date)
GROUP BY s.topic, t.day, t.event_type
ORDER BY t.day DESC, s.topic, t.event_type
LIMIT $4
