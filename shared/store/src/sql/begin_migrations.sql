-- begin_migrations
-- The session belongs to the migration, so the setting for durable commits, as in begin, applies to
-- the whole session.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SELECT set_config('synchronous_commit', 'on', false) AS durable
WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
