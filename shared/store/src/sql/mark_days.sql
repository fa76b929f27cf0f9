-- mark_days
INSERT INTO day_changes (model, day)
SELECT n.model, date '1970-01-01' + n.day FROM unnest($1, $2) AS n (model, day)
ON CONFLICT DO NOTHING
