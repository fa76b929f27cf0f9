-- month_days
-- Returns the days on which records of a month arrived, as days since 1970.
SELECT DISTINCT (e.arrived_at AT TIME ZONE 'UTC')::date - date '1970-01-01' AS day
FROM event_months() m
JOIN event_records e ON e.arrived_at >= m.month_begin AND e.arrived_at < m.month_end
WHERE m.month_table = $1
