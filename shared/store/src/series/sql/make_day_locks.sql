-- make_day_locks
INSERT INTO dump_locks (model, day)
SELECT $1, d::date FROM generate_series($2 AT TIME ZONE 'UTC', $3 AT TIME ZONE 'UTC' - interval '1 day', interval '1 day') AS d
ON CONFLICT DO NOTHING
