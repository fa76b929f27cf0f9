-- mark_restored
INSERT INTO day_changes (model, day) VALUES ($1, date '1970-01-01' + $2) ON CONFLICT DO NOTHING
