-- record_verified
-- A statement alone is a transaction: it makes itself durable, as weir-store's begin does.
-- $4: the snapshot that the table was compared in. Changes that it sees are the files' too, or they would not be equal.
UPDATE dumps SET verified_at = $5
WHERE destination = $1 AND model = $2 AND day = date '1970-01-01' + $3 AND snapshot IS NOT NULL AND dumped_at = $4
RETURNING CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN set_config('synchronous_commit', 'on', true) END AS durable
