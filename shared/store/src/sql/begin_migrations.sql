-- begin_migrations
-- The session is our own: every transaction in it is durable, as begin says.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SELECT set_config('synchronous_commit', 'on', false) AS durable
WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
