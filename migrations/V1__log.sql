-- Creates the tables of streams, of settled offsets, of events and of failures.

CREATE TABLE streams (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    group_id text NOT NULL,
    epoch integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, group_id, epoch)
);
COMMENT ON TABLE streams IS 'The streams: one row for each topic, consumer group and epoch.';
COMMENT ON COLUMN streams.id IS 'The short id of the stream, which every record has.';
COMMENT ON COLUMN streams.topic IS 'Kafka topic.';
COMMENT ON COLUMN streams.group_id IS 'Kafka consumer group. Each group stores a topic separately.';
COMMENT ON COLUMN streams.epoch IS 'How often the topic was recreated and reset with weir topic reset. The highest epoch is current.';
COMMENT ON COLUMN streams.created_at IS 'The time of the first record, or of the reset.';

CREATE TABLE stream_partitions (
    stream integer NOT NULL REFERENCES streams,
    partition integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE stream_partitions IS 'The progress of each partition. A transaction that writes records of a partition locks its row first.';
COMMENT ON COLUMN stream_partitions.stream IS 'The stream.';
COMMENT ON COLUMN stream_partitions.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_partitions.next_offset IS 'The first offset above all settled ones. An offset below it is settled (in events, in failures, or removed on purpose) or in a gap.';
COMMENT ON COLUMN stream_partitions.updated_at IS 'The time of the last change of next_offset.';

CREATE TABLE stream_gaps (
    stream integer NOT NULL,
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    end_offset bigint NOT NULL CHECK (end_offset > first_offset),
    opened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition, first_offset),
    FOREIGN KEY (stream, partition) REFERENCES stream_partitions
);
COMMENT ON TABLE stream_gaps IS 'Ranges of offsets below next_offset that are not settled. A record in a gap is new.';
COMMENT ON COLUMN stream_gaps.stream IS 'The stream.';
COMMENT ON COLUMN stream_gaps.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_gaps.first_offset IS 'First offset of the range.';
COMMENT ON COLUMN stream_gaps.end_offset IS 'The offset after the last one of the range.';
COMMENT ON COLUMN stream_gaps.opened_at IS 'The time at which a record above the range was stored.';

-- The log has every stored record, partitioned by the month of arrival.
CREATE TABLE events (
    stream integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    arrived_at timestamptz NOT NULL DEFAULT now(),
    timestamp_ms bigint NOT NULL,
    event_time timestamptz,
    checksum bytea NOT NULL,
    outcome text NOT NULL,
    reason text,
    key bytea,
    headers json,
    entity_id text,
    event_type text,
    event_version text,
    payload json,
    raw bytea,
    PRIMARY KEY (stream, partition, "offset", arrived_at)
) PARTITION BY RANGE (arrived_at);
-- These indexes serve the API's lists: newest first, records without a time last. The time of an
-- event never changes, so only inserts write to them.
CREATE INDEX events_newest ON events ((coalesce(event_time, '-infinity')));
CREATE INDEX events_of_entity ON events (entity_id, (coalesce(event_time, '-infinity'))) WHERE entity_id IS NOT NULL;
-- A day is a small part of its month, and the rows are stored in the order of arrival.
CREATE INDEX events_arrived ON events USING brin (arrived_at) WITH (pages_per_range = 32);
COMMENT ON TABLE events IS 'The log: one row for each record that was decoded, including skipped records.';
COMMENT ON COLUMN events.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN events.partition IS 'Kafka partition.';
COMMENT ON COLUMN events."offset" IS 'Kafka offset.';
COMMENT ON COLUMN events.arrived_at IS 'The start of the transaction that stored the record, by the database''s clock. It selects the month''s table.';
COMMENT ON COLUMN events.timestamp_ms IS 'The record''s timestamp in milliseconds since 1970. The producer sets it, so it may be 0, negative or far in the future.';
COMMENT ON COLUMN events.event_time IS 'The time of the event as its model reads it, otherwise the record''s timestamp. Null if that is not a time between the years 0 and 9999.';
COMMENT ON COLUMN events.checksum IS 'The xxh3-128 of timestamp, headers and the length-prefixed key and value. A record with the same coordinates and another checksum is a different record.';
COMMENT ON COLUMN events.outcome IS 'event, or skipped for a record that is in the log but not projected.';
COMMENT ON COLUMN events.reason IS 'The reason why the record was skipped.';
COMMENT ON COLUMN events.key IS 'The key of the record; null if it has no key.';
COMMENT ON COLUMN events.headers IS 'The headers of the record in order: [{"name":…,"value":…}]. A value that is not text has "base64" instead of "value". Null if the record has no headers.';
COMMENT ON COLUMN events.entity_id IS 'The id of the thing that the event is about.';
COMMENT ON COLUMN events.event_type IS 'The type of the event.';
COMMENT ON COLUMN events.event_version IS 'The version of the event''s format.';
COMMENT ON COLUMN events.payload IS 'The value as JSON, with the text as received. Null for a null value, and for JSON that jsonb does not accept (see raw).';
COMMENT ON COLUMN events.raw IS 'The bytes of the value, if payload is not exactly these bytes: JSON that jsonb does not accept, framed and decoded values.';

-- The DDL contains only identifiers that this function creates, never text from outside.
CREATE FUNCTION make_event_months(months_ahead integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    first_day timestamp;
    made integer := 0;
    month_table text;
BEGIN
    FOR n IN 0..months_ahead LOOP
        first_day := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n);
        month_table := 'events_' || to_char(first_day, 'YYYY_MM');
        IF to_regclass(format('%I', month_table)) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                month_table, first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
            EXECUTE format('COMMENT ON TABLE %I IS %L', month_table, 'Events that arrived in ' || to_char(first_day, 'YYYY-MM') || ' (UTC).');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION make_event_months(integer) IS 'Creates the log''s tables for this month and for months_ahead months after it. Returns the number of created tables. Called by migrate and by the daily job, never by ingest.';

CREATE FUNCTION make_event_month(month_of timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    first_day timestamp := date_trunc('month', month_of AT TIME ZONE 'UTC');
    month_table text := 'events_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass(format('%I', month_table)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
        month_table, first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format('COMMENT ON TABLE %I IS %L', month_table, 'Events that arrived in ' || to_char(first_day, 'YYYY-MM') || ' (UTC).');
    RETURN true;
END
$$;
COMMENT ON FUNCTION make_event_month(timestamptz) IS 'Creates the log''s table for the month of an instant, if it does not exist. Returns whether it created the table. Called by weir restore.';

CREATE FUNCTION event_months() RETURNS TABLE (month_table text, month_begin timestamptz, month_end timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT c.relname::text, b.parts[1]::timestamptz, b.parts[2]::timestamptz
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') AS b (parts)
    WHERE i.inhparent = 'events'::regclass
    ORDER BY 2
$$;
COMMENT ON FUNCTION event_months() IS 'Returns the months that have a table in the log.';

CREATE FUNCTION drop_event_month(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM event_months() WHERE month_table = name) THEN
        RAISE EXCEPTION '% is not a month of the log', name;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
END
$$;
COMMENT ON FUNCTION drop_event_month(text) IS 'Drops one month of the log. Called by weir retention, which first stores the dropped ranges in event_removals.';

CREATE TABLE event_removals (
    stream integer NOT NULL,
    partition integer NOT NULL,
    month_table text NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    records bigint NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition, month_table, removed_at)
);
COMMENT ON TABLE event_removals IS 'The ranges of records that retention removed. They do not count as lost.';
COMMENT ON COLUMN event_removals.stream IS 'The stream.';
COMMENT ON COLUMN event_removals.partition IS 'Kafka partition.';
COMMENT ON COLUMN event_removals.month_table IS 'The table that was dropped.';
COMMENT ON COLUMN event_removals.first_offset IS 'The lowest offset in the table.';
COMMENT ON COLUMN event_removals.last_offset IS 'The highest offset in the table.';
COMMENT ON COLUMN event_removals.records IS 'The number of records in the table.';
COMMENT ON COLUMN event_removals.removed_at IS 'The time.';

CREATE TABLE event_contents (
    group_id text NOT NULL,
    digest bytea NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, digest)
);
COMMENT ON TABLE event_contents IS 'Digests of key and value of the records of topics with --dedupe, once per consumer group.';
COMMENT ON COLUMN event_contents.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN event_contents.digest IS 'SHA-256 over topic, length-prefixed key and value.';
COMMENT ON COLUMN event_contents.seen_at IS 'The time at which the first record with this digest was stored. Retention deletes old rows.';

-- Records that could not be stored as events, with their bytes, until they are retried or
-- discarded.
CREATE TABLE failures (
    stream integer NOT NULL REFERENCES streams,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    timestamp_ms bigint NOT NULL,
    event_time timestamptz,
    checksum bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    last_attempt_at timestamptz NOT NULL DEFAULT now(),
    discarded_at timestamptz,
    error_class text NOT NULL,
    error_message text NOT NULL,
    error_chain text[] NOT NULL DEFAULT '{}',
    entity_id text,
    event_type text,
    event_version text,
    key bytea,
    headers json,
    value bytea,
    value_schema text,
    PRIMARY KEY (stream, partition, "offset")
);
COMMENT ON TABLE failures IS 'Records that could not be stored as events.';
COMMENT ON COLUMN failures.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN failures.partition IS 'Kafka partition.';
COMMENT ON COLUMN failures."offset" IS 'Kafka offset.';
COMMENT ON COLUMN failures.created_at IS 'The time at which the record arrived.';
COMMENT ON COLUMN failures.timestamp_ms IS 'The record''s timestamp in milliseconds since 1970.';
COMMENT ON COLUMN failures.event_time IS 'The time of the event, if it could be read.';
COMMENT ON COLUMN failures.checksum IS 'The checksum of the record, as in events.';
COMMENT ON COLUMN failures.attempts IS 'The number of attempts to store the record.';
COMMENT ON COLUMN failures.last_attempt_at IS 'The time of the last attempt.';
COMMENT ON COLUMN failures.discarded_at IS 'The time at which the failure was discarded. Its bytes are then deleted; its coordinates stay known.';
COMMENT ON COLUMN failures.error_class IS 'The class of the error, for grouping.';
COMMENT ON COLUMN failures.error_message IS 'The reason in one line.';
COMMENT ON COLUMN failures.error_chain IS 'The causes of the error, outermost first.';
COMMENT ON COLUMN failures.entity_id IS 'The id of the thing that the event is about, if it could be read.';
COMMENT ON COLUMN failures.event_type IS 'The type of the event, if it could be read.';
COMMENT ON COLUMN failures.event_version IS 'The version of the event''s format, if it could be read.';
COMMENT ON COLUMN failures.key IS 'The bytes of the record''s key.';
COMMENT ON COLUMN failures.headers IS 'The headers of the record, as in events.';
COMMENT ON COLUMN failures.value IS 'The bytes of the record''s value; the base64 text if it could not be decoded.';
COMMENT ON COLUMN failures.value_schema IS 'The data format and the schema id of the value, from the schema registry of the event source mapping.';
