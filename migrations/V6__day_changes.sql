-- Which days of which series changed, so that a dump can be put right.

CREATE TABLE day_changes (
    model text NOT NULL,
    day date NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (model, day, xid)
);
COMMENT ON TABLE day_changes IS 'One row for each transaction that may have changed a series model''s day. A day is stale while one of its rows is not visible in the snapshot that its dump was read in.';
COMMENT ON COLUMN day_changes.model IS 'The model.';
COMMENT ON COLUMN day_changes.day IS 'The UTC day of the changed rows'' own time.';
COMMENT ON COLUMN day_changes.xid IS 'The transaction.';
