-- begin
-- What somebody is told to be stored must be on disk: a server, database or role that says otherwise is overruled, here and not for
-- the session, which behind a pooler is another's. What is stricter stays.
BEGIN;
SELECT set_config('synchronous_commit', 'on', true) AS durable
WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
