-- next_hour_to_pack
-- The begin of the first closed hour with narrow rows that was not packed. Hours without rows are
-- skipped a day at a time.
SELECT n.hour FROM (
    SELECT CASE
        WHEN EXISTS (SELECT FROM event_records e WHERE e.arrived_at >= f.hour AND e.arrived_at < f.hour + interval '1 hour') THEN f.hour
        ELSE (
            SELECT date_trunc('hour', d.first AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
            FROM generate_series(f.hour, now(), interval '1 day') AS g (begin)
            CROSS JOIN LATERAL (
                SELECT min(e.arrived_at) AS first FROM event_records e WHERE e.arrived_at >= g.begin AND e.arrived_at < g.begin + interval '1 day'
            ) AS d
            WHERE d.first IS NOT NULL
            LIMIT 1
        ) END AS hour
    FROM (
        SELECT coalesce((SELECT p.packed_until FROM packing p),
            date_trunc('hour', (SELECT min(e.arrived_at) FROM event_records e) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS hour
    ) AS f
) AS n
WHERE n.hour + interval '1 hour' <= now() - interval '5 minutes'
