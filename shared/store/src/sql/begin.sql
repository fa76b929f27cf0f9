-- begin
-- A commit that is reported must be on disk. This overrides a weaker setting of the server,
-- database or role, for this transaction only:
-- behind a pooler, other clients share the session. A stricter setting stays.
BEGIN;
SELECT set_config('synchronous_commit', 'on', true) AS durable
WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
