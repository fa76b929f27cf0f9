-- Creates the tables of changed days and of dumped days. A stale dump is found by them.

CREATE TABLE day_changes (
    model text NOT NULL,
    day date NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (model, day, xid)
);
COMMENT ON TABLE day_changes IS 'One row for each transaction that may have changed a day of a series or of the log (model events). A day is stale while one of its rows is not visible in the snapshot that its dump was read in.';
COMMENT ON COLUMN day_changes.model IS 'The model; events for the log.';
COMMENT ON COLUMN day_changes.day IS 'The UTC day of the changed rows: of their own time, or of the arrival in the log.';
COMMENT ON COLUMN day_changes.xid IS 'The transaction.';

CREATE TABLE dumps (
    destination text NOT NULL,
    model text NOT NULL,
    day date NOT NULL,
    snapshot pg_snapshot,
    records bigint,
    bytes bigint,
    dumped_at timestamptz,
    verified_at timestamptz,
    PRIMARY KEY (model, day, destination)
);
COMMENT ON TABLE dumps IS 'One row for each day of a model that was dumped to a destination. A day is stale while its snapshot is null or does not see one of its rows in day_changes.';
COMMENT ON COLUMN dumps.destination IS 'The destination of the dump: the URL of --blob-url, without secrets.';
COMMENT ON COLUMN dumps.model IS 'The model; events for the log.';
COMMENT ON COLUMN dumps.day IS 'The UTC day: of the rows'' own time, of the arrival in the log, or of the read of a state.';
COMMENT ON COLUMN dumps.snapshot IS 'The snapshot in which the rows were read. Null while the day is being dumped, and after a change that day_changes no longer contains.';
COMMENT ON COLUMN dumps.records IS 'The number of rows in the dump.';
COMMENT ON COLUMN dumps.bytes IS 'The size of the files in bytes.';
COMMENT ON COLUMN dumps.dumped_at IS 'The time at which the manifest was written.';
COMMENT ON COLUMN dumps.verified_at IS 'The time at which the files were last verified as equal to the database. Null if the files were not verified since the dump.';

CREATE FUNCTION mark_days_of(model_name text, rows_of regclass, day_column name) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO day_changes (model, day)
        SELECT DISTINCT $1, (t.%I AT TIME ZONE ''UTC'')::date FROM %s AS t ON CONFLICT DO NOTHING', day_column, rows_of)
    USING model_name;
END
$$;
COMMENT ON FUNCTION mark_days_of(text, regclass, name) IS 'Marks every day with rows of a series as changed. Called by a rebuild before it empties the table.';
