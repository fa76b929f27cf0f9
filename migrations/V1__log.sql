-- Where records come from, which of them are settled, and every record: as an event or as a failure.

CREATE TABLE streams (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    group_id text NOT NULL,
    epoch integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, group_id, epoch)
);
COMMENT ON TABLE streams IS 'The registry of streams: a topic as one consumer group reads it, since it was last made anew.';
COMMENT ON COLUMN streams.id IS 'The short id that every record carries.';
COMMENT ON COLUMN streams.topic IS 'Kafka topic.';
COMMENT ON COLUMN streams.group_id IS 'Kafka consumer group; each topic is handled once per group.';
COMMENT ON COLUMN streams.epoch IS '0, then one more each time that the topic was made anew and offsets began again (weir topic reset). The highest one is current.';
COMMENT ON COLUMN streams.created_at IS 'When its first record was seen, or the reset was called.';

CREATE TABLE stream_partitions (
    stream integer NOT NULL REFERENCES streams,
    partition integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE stream_partitions IS 'How far each partition is settled. Everything that writes records of a partition locks its row first.';
COMMENT ON COLUMN stream_partitions.stream IS 'The stream.';
COMMENT ON COLUMN stream_partitions.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_partitions.next_offset IS 'Every offset below it is settled (in events, in failures, or removed on purpose) or lies in a gap.';
COMMENT ON COLUMN stream_partitions.updated_at IS 'When next_offset last changed.';

CREATE TABLE stream_gaps (
    stream integer NOT NULL,
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    end_offset bigint NOT NULL CHECK (end_offset > first_offset),
    opened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition, first_offset),
    FOREIGN KEY (stream, partition) REFERENCES stream_partitions
);
COMMENT ON TABLE stream_gaps IS 'Ranges below next_offset that were never delivered: a record in one of them is new.';
COMMENT ON COLUMN stream_gaps.stream IS 'The stream.';
COMMENT ON COLUMN stream_gaps.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_gaps.first_offset IS 'First offset of the range.';
COMMENT ON COLUMN stream_gaps.end_offset IS 'The offset after the last one of the range.';
COMMENT ON COLUMN stream_gaps.opened_at IS 'When a later record came first.';

-- The log: every record that was stored, partitioned by the month in which it arrived.
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
-- Behind the API's lists, newest first, without a time last. An event's time never changes, so nothing but inserts touches them.
CREATE INDEX events_newest ON events ((coalesce(event_time, '-infinity')));
CREATE INDEX events_of_entity ON events (entity_id, (coalesce(event_time, '-infinity'))) WHERE entity_id IS NOT NULL;
-- A day of the log is a small part of its month; rows lie in the order in which they arrived.
CREATE INDEX events_arrived ON events USING brin (arrived_at) WITH (pages_per_range = 32);
COMMENT ON TABLE events IS 'The log: one row for each record that Kafka delivered and that could be decoded, skipped ones too.';
COMMENT ON COLUMN events.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN events.partition IS 'Kafka partition.';
COMMENT ON COLUMN events."offset" IS 'Kafka offset.';
COMMENT ON COLUMN events.arrived_at IS 'When its transaction began, by the database''s clock; decides the month''s table.';
COMMENT ON COLUMN events.timestamp_ms IS 'The record''s timestamp in milliseconds since 1970, the producer''s word: may be 0, negative or far away.';
COMMENT ON COLUMN events.event_time IS 'When the event happened, as its model says; else the record''s timestamp; null when that is no instant between the years 0 and 9999.';
COMMENT ON COLUMN events.checksum IS 'xxh3-128 over timestamp, headers and the length-prefixed key and value: equal coordinates with another checksum are another record.';
COMMENT ON COLUMN events.outcome IS 'event, or skipped: logged but not projected.';
COMMENT ON COLUMN events.reason IS 'Why it was skipped.';
COMMENT ON COLUMN events.key IS 'Record key; null when it has none.';
COMMENT ON COLUMN events.headers IS 'Record headers in order: [{"name":…,"value":…}], bytes that are no text as "base64"; null when there are none.';
COMMENT ON COLUMN events.entity_id IS 'Which thing the event is about.';
COMMENT ON COLUMN events.event_type IS 'What happened.';
COMMENT ON COLUMN events.event_version IS 'Version of the event''s shape.';
COMMENT ON COLUMN events.payload IS 'The value as JSON, the text that arrived. Null for a null value, and for JSON that jsonb refuses: see raw.';
COMMENT ON COLUMN events.raw IS 'The value''s bytes where payload is not exactly them: JSON that jsonb refuses, framed and decoded values.';

-- DDL by identifiers made here, never by text from outside.
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
COMMENT ON FUNCTION make_event_months(integer) IS 'Makes the log''s tables for this month and as many after it; returns how many were missing. Called by migrate and by the daily job, never by ingest.';

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
COMMENT ON FUNCTION make_event_month(timestamptz) IS 'Makes the log''s table for the month of an instant, unless it is there; says whether it made one. Called by weir restore.';

CREATE FUNCTION event_months() RETURNS TABLE (month_table text, month_begin timestamptz, month_end timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT c.relname::text, b.parts[1]::timestamptz, b.parts[2]::timestamptz
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') AS b (parts)
    WHERE i.inhparent = 'events'::regclass
    ORDER BY 2
$$;
COMMENT ON FUNCTION event_months() IS 'The months that the log has tables for.';

CREATE FUNCTION drop_event_month(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM event_months() WHERE month_table = name) THEN
        RAISE EXCEPTION '% is no month of the log', name;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
END
$$;
COMMENT ON FUNCTION drop_event_month(text) IS 'Drops one month of the log. Called by weir retention, which first writes down what it drops in event_removals.';

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
COMMENT ON TABLE event_removals IS 'What retention removed, so that it is never taken for lost.';
COMMENT ON COLUMN event_removals.stream IS 'The stream.';
COMMENT ON COLUMN event_removals.partition IS 'Kafka partition.';
COMMENT ON COLUMN event_removals.month_table IS 'The table that was dropped.';
COMMENT ON COLUMN event_removals.first_offset IS 'Lowest offset in it.';
COMMENT ON COLUMN event_removals.last_offset IS 'Highest offset in it.';
COMMENT ON COLUMN event_removals.records IS 'How many records it held.';
COMMENT ON COLUMN event_removals.removed_at IS 'When.';

CREATE TABLE event_contents (
    group_id text NOT NULL,
    digest bytea NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, digest)
);
COMMENT ON TABLE event_contents IS 'Key and value of records of topics with --dedupe, once per consumer group.';
COMMENT ON COLUMN event_contents.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN event_contents.digest IS 'SHA-256 over topic, length-prefixed key and value.';
COMMENT ON COLUMN event_contents.seen_at IS 'When the first of them was stored; retention drops old ones.';

-- Records that could not be stored as events, with their bytes, until somebody retries or discards them.
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
COMMENT ON COLUMN failures.created_at IS 'When it arrived.';
COMMENT ON COLUMN failures.timestamp_ms IS 'The record''s timestamp in milliseconds since 1970.';
COMMENT ON COLUMN failures.event_time IS 'When the event happened, where decoding got that far.';
COMMENT ON COLUMN failures.checksum IS 'As in events.';
COMMENT ON COLUMN failures.attempts IS 'How often it was tried.';
COMMENT ON COLUMN failures.last_attempt_at IS 'When it was last tried.';
COMMENT ON COLUMN failures.discarded_at IS 'When a person discarded it: its bytes are gone, its coordinates stay known.';
COMMENT ON COLUMN failures.error_class IS 'The kind of fault, for grouping.';
COMMENT ON COLUMN failures.error_message IS 'One line for a person.';
COMMENT ON COLUMN failures.error_chain IS 'The causes behind it, outermost first.';
COMMENT ON COLUMN failures.entity_id IS 'Which thing the event is about, where decoding got that far.';
COMMENT ON COLUMN failures.event_type IS 'What happened, likewise.';
COMMENT ON COLUMN failures.event_version IS 'Version of the event''s shape, likewise.';
COMMENT ON COLUMN failures.key IS 'Record key, bytes as they arrived.';
COMMENT ON COLUMN failures.headers IS 'Record headers, as in events.';
COMMENT ON COLUMN failures.value IS 'Record value, bytes as they arrived; base64 text where that could not be decoded.';
COMMENT ON COLUMN failures.value_schema IS 'What the mapping''s schema registry said of the value: data format and schema id.';
