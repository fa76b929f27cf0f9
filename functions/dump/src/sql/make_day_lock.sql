-- make_day_lock
INSERT INTO dump_locks (model, day) VALUES ($1, date '1970-01-01' + $2) ON CONFLICT DO NOTHING
