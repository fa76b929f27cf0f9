-- What describes the data (which topic is whose, how long the log is kept …) lies here, versioned; locks that nobody else can take; and
-- an end for readers that go beyond their limits.

CREATE TABLE settings (
    kind text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    value jsonb,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name, version)
);
COMMENT ON TABLE settings IS 'The settings of the data. Each change is a new row, and the one with the highest version is in force. Changed by weir apply, by the deployment, or by a flag at a start that finds nothing set.';
COMMENT ON COLUMN settings.kind IS 'What is set: topic, group, plugins, retention.';
COMMENT ON COLUMN settings.name IS 'Of which: the topic''s name; empty where there is only one.';
COMMENT ON COLUMN settings.version IS 'Counts from 1.';
COMMENT ON COLUMN settings.value IS 'What it is set to; null where it was taken away.';
COMMENT ON COLUMN settings.set_by IS 'How it came: flag, file, apply or deployment.';
COMMENT ON COLUMN settings.set_at IS 'When.';

CREATE TABLE dump_locks (
    model text NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (model, day)
);
COMMENT ON TABLE dump_locks IS 'Whoever dumps or verifies a day locks its row meanwhile, wherever the files go to.';
COMMENT ON COLUMN dump_locks.model IS 'The model; events for the log.';
COMMENT ON COLUMN dump_locks.day IS 'The day.';

-- Its session may switch the limits off that the role has, and then hold up whoever changes a table.
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
COMMENT ON FUNCTION end_long_readers(interval, interval, interval) IS 'Ends the sessions of weir_reader whose statement, idle time or transaction goes beyond the role''s limits, and says how many. Called while migrations run, daily, and every half a minute by weir.';
REVOKE EXECUTE ON FUNCTION end_long_readers(interval, interval, interval) FROM PUBLIC;
