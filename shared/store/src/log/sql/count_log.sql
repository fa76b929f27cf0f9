-- count_log
SELECT count(*) AS records FROM event_records WHERE stream = ANY ($1) AND ($2 IS NULL OR arrived_at >= $2)
