-- Days of the log that are in the object store, and no longer in the database.

CREATE TABLE archived_files (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL,
    topic text NOT NULL,
    month_table text NOT NULL,
    destination text NOT NULL,
    path text NOT NULL,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    records bigint NOT NULL,
    oldest timestamptz NOT NULL,
    newest timestamptz NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (day, topic)
);
CREATE INDEX archived_files_newest ON archived_files (newest);
COMMENT ON TABLE archived_files IS 'One row for each Parquet file with archived records of the log: those of a topic that arrived on a day. Retention writes it in the transaction that drops the month.';
COMMENT ON COLUMN archived_files.id IS 'A short id.';
COMMENT ON COLUMN archived_files.day IS 'The UTC day on which the records arrived.';
COMMENT ON COLUMN archived_files.topic IS 'Kafka topic.';
COMMENT ON COLUMN archived_files.month_table IS 'The table that was dropped.';
COMMENT ON COLUMN archived_files.destination IS 'Where the file was written: the URL of --blob-url, without secrets. A copy with the same path elsewhere can replace it.';
COMMENT ON COLUMN archived_files.path IS 'The name of the file at its destination.';
COMMENT ON COLUMN archived_files.bytes IS 'The length of the file.';
COMMENT ON COLUMN archived_files.sha256 IS 'The SHA-256 of the file, in hex. Each reader checks it.';
COMMENT ON COLUMN archived_files.records IS 'The number of records.';
COMMENT ON COLUMN archived_files.oldest IS 'The earliest time of an event; -infinity if an event has no time.';
COMMENT ON COLUMN archived_files.newest IS 'The latest time of an event; -infinity if no event has a time.';
COMMENT ON COLUMN archived_files.archived_at IS 'When the month was dropped.';

CREATE TABLE archived_ranges (
    file integer NOT NULL REFERENCES archived_files ON DELETE CASCADE,
    stream integer NOT NULL REFERENCES streams,
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (file, stream, partition)
);
CREATE INDEX archived_ranges_place ON archived_ranges (stream, partition, first_offset);
COMMENT ON TABLE archived_ranges IS 'The records of each partition in an archived file.';
COMMENT ON COLUMN archived_ranges.file IS 'The file, in archived_files.';
COMMENT ON COLUMN archived_ranges.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN archived_ranges.partition IS 'Kafka partition.';
COMMENT ON COLUMN archived_ranges.first_offset IS 'The lowest offset in the file.';
COMMENT ON COLUMN archived_ranges.last_offset IS 'The highest offset in the file.';
COMMENT ON COLUMN archived_ranges.records IS 'The number of records.';

-- A removed day is not dumped again, because its dump would be empty.
CREATE VIEW removed_days AS
SELECT r.model, (r.from_time AT TIME ZONE 'UTC')::date AS first_day, (r.to_time AT TIME ZONE 'UTC')::date AS end_day FROM series_removals r
UNION ALL
SELECT DISTINCT 'events', f.day, f.day + 1 FROM archived_files f;
COMMENT ON VIEW removed_days IS 'The days whose rows retention removed, and which are dumped: those of series, and the archived ones of the log.';
COMMENT ON COLUMN removed_days.model IS 'The model; events for the log.';
COMMENT ON COLUMN removed_days.first_day IS 'The first of the days.';
COMMENT ON COLUMN removed_days.end_day IS 'The day after the last one.';

COMMENT ON VIEW api.events IS 'The log: every stored record of the months that are in the database, including skipped records. Months that retention archived are only in the API and in the dumps.';
