-- record_verified
-- A single statement is a transaction. It makes itself durable, as weir-store's begin does. $4 is
-- the time of the verified dump. If the day was dumped again meanwhile, nothing is updated.
UPDATE dumps SET verified_at = $5
WHERE destination = $1 AND model = $2 AND day = date '1970-01-01' + $3 AND snapshot IS NOT NULL AND dumped_at = $4
RETURNING CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN set_config('synchronous_commit', 'on', true) END AS durable
