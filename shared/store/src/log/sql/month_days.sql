-- month_days
-- Returns the days on which records of a month arrived, as days since 1970.
SELECT DISTINCT (e.arrived_at AT TIME ZONE 'UTC')::date - date '1970-01-01' AS day
FROM event_months() m
CROSS JOIN LATERAL (
    SELECT r.arrived_at FROM event_records r WHERE r.arrived_at >= m.month_begin AND r.arrived_at < m.month_end
    UNION ALL
    SELECT p.arrived_at FROM packed_events p WHERE p.arrived_at >= m.month_begin AND p.arrived_at < m.month_end
) AS e
WHERE m.month_table = $1
