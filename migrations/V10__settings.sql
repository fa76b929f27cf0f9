-- Creates the table of the versioned settings of the data, the table of the locks of dumps,
-- and the function that ends readers that exceed their limits.

CREATE TABLE settings (
    kind text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    value jsonb,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name, version)
);
COMMENT ON TABLE settings IS 'The settings of the data. Each change is a new row, and the row with the highest version is in force. A setting is changed by weir apply, by the deployment, or by a flag at a start if it is not set yet.';
COMMENT ON COLUMN settings.kind IS 'The kind of the setting: topic, group, plugins or retention.';
COMMENT ON COLUMN settings.name IS 'The name of the topic; empty for kinds with only one setting.';
COMMENT ON COLUMN settings.version IS 'The version of the setting, from 1.';
COMMENT ON COLUMN settings.value IS 'The value of the setting; null if the setting was removed.';
COMMENT ON COLUMN settings.set_by IS 'The origin of the change: flag, file, apply or deployment.';
COMMENT ON COLUMN settings.set_at IS 'The time.';

CREATE TABLE dump_locks (
    model text NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (model, day)
);
COMMENT ON TABLE dump_locks IS 'A process that dumps or verifies a day locks the row of the day, for every destination.';
COMMENT ON COLUMN dump_locks.model IS 'The model; events for the log.';
COMMENT ON COLUMN dump_locks.day IS 'The UTC day.';

-- A session of weir_reader can switch off the limits of its role. It could then block a change of a
-- table.
CREATE FUNCTION end_long_readers(
    statement_limit interval DEFAULT '40 seconds', idle_limit interval DEFAULT '80 seconds', transaction_limit interval DEFAULT '10 minutes'
) RETURNS integer
LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))::integer
    FROM pg_stat_activity a
    WHERE a.usename = 'weir_reader' AND a.datname = current_database() AND a.pid <> pg_backend_pid()
        AND (a.state = 'active' AND a.query_start < clock_timestamp() - statement_limit
            OR a.state LIKE 'idle in transaction%' AND a.state_change < clock_timestamp() - idle_limit
            OR a.xact_start < clock_timestamp() - transaction_limit)
$$;
COMMENT ON FUNCTION end_long_readers(interval, interval, interval) IS 'Ends the sessions of weir_reader whose statement, idle time or transaction exceeds the role''s limits. Returns the number of ended sessions. Called during migrations, daily, and every half minute by weir.';
REVOKE EXECUTE ON FUNCTION end_long_readers(interval, interval, interval) FROM PUBLIC;
