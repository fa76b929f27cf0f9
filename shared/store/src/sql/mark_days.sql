-- mark_days
-- $3: records went into the log, whose day is that of now(), as arrived_at is.
INSERT INTO day_changes (model, day)
SELECT n.model, date '1970-01-01' + n.day FROM unnest($1, $2) AS n (model, day)
UNION ALL
SELECT 'events', (now() AT TIME ZONE 'UTC')::date WHERE $3
ON CONFLICT DO NOTHING
