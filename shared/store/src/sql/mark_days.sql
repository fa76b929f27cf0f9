-- mark_days
-- $3 is true if records went into the log. Their day is the day of now(), as for arrived_at.
INSERT INTO day_changes (model, day)
SELECT n.model, date '1970-01-01' + n.day FROM unnest($1, $2) AS n (model, day)
UNION ALL
SELECT 'events', (now() AT TIME ZONE 'UTC')::date WHERE $3
ON CONFLICT DO NOTHING
