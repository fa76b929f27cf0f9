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
