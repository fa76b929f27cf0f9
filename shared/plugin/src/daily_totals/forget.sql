-- daily_totals.forget
DELETE FROM daily_totals.totals
WHERE stream = $1 AND ($2 IS NULL OR day = date '1970-01-01' + $2) AND ($3 IS NULL OR event_type = $3)
