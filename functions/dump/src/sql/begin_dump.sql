-- begin_dump
-- From here on the day is stale, until record_dump says otherwise.
INSERT INTO dumps (destination, model, day) VALUES ($1, $2, date '1970-01-01' + $3)
ON CONFLICT (model, day, destination) DO UPDATE SET snapshot = NULL, verified_at = NULL
