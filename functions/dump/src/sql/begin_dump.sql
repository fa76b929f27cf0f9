-- begin_dump
-- Returns the version of the row: a replica that has it has everything that was committed before.
-- A single statement is a transaction. It makes itself durable, as weir-store's begin does. From
-- here on the day is stale, until record_dump records a snapshot.
INSERT INTO dumps (destination, model, day) VALUES ($1, $2, date '1970-01-01' + $3)
ON CONFLICT (model, day, destination) DO UPDATE SET snapshot = NULL, verified_at = NULL
RETURNING xmin::text AS version, CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN set_config('synchronous_commit', 'on', true) END AS durable
