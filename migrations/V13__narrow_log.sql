-- The log in narrow rows, with indexes that serve every list.
--
-- A value that follows from others is not stored: the outcome follows from the reason, a timestamp
-- or a key may equal another column, and the type of an event is a number. The view events has the
-- columns of the former table.

CREATE TABLE event_types (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream integer NOT NULL,
    skipped boolean NOT NULL,
    event_type text,
    event_version text
);
CREATE UNIQUE INDEX event_types_once ON event_types
    (stream, skipped, coalesce(event_type, ''), coalesce(event_version, ''), (event_type IS NULL), (event_version IS NULL));
COMMENT ON TABLE event_types IS 'The types of events of each stream. A row of the log has the number of its type.';
COMMENT ON COLUMN event_types.id IS 'The number.';
COMMENT ON COLUMN event_types.stream IS 'The stream.';
COMMENT ON COLUMN event_types.skipped IS 'Whether the records were skipped.';
COMMENT ON COLUMN event_types.event_type IS 'The type; null if the events have none.';
COMMENT ON COLUMN event_types.event_version IS 'The version of the event''s format; null if the events have none.';

-- In this order no bytes are lost between columns, and the columns that a redelivery reads come
-- before the first null.
CREATE TABLE event_records (
    "offset" bigint NOT NULL,
    arrived_at timestamptz NOT NULL DEFAULT now(),
    stream integer NOT NULL,
    partition integer NOT NULL,
    event_time timestamptz,
    type_id integer,
    key_is_entity boolean NOT NULL DEFAULT false,
    checksum bytea NOT NULL,
    timestamp_ms bigint,
    reason text,
    key bytea,
    headers json,
    entity_id text,
    event_type text,
    event_version text,
    payload json,
    raw bytea,
    problems text
) PARTITION BY RANGE (arrived_at);
-- The newest events of each type, which is a type of one stream. The time of an event never
-- changes, so only inserts write to these indexes.
CREATE INDEX event_records_newest ON event_records (type_id, event_time);
CREATE INDEX event_records_untyped ON event_records (event_time) WHERE type_id IS NULL;
-- The order of bytes is faster than the order of a language, and finds equal texts just as well.
CREATE INDEX event_records_of_entity ON event_records (entity_id text_pattern_ops) WHERE entity_id IS NOT NULL;
CREATE INDEX event_records_with_problems ON event_records (event_time) WHERE problems IS NOT NULL;
-- A day is a small part of its month, and the rows are stored in the order of arrival.
CREATE INDEX event_records_arrived ON event_records USING brin (arrived_at) WITH (pages_per_range = 32);
COMMENT ON TABLE event_records IS 'The log: one row for each record that was decoded, including skipped records. The view events shows it with all values.';
COMMENT ON COLUMN event_records."offset" IS 'Kafka offset.';
COMMENT ON COLUMN event_records.arrived_at IS 'The start of the transaction that stored the record, by the database''s clock. It selects the month''s table.';
COMMENT ON COLUMN event_records.event_time IS 'The time of the event, as in the view events.';
COMMENT ON COLUMN event_records.timestamp_ms IS 'The record''s timestamp in milliseconds since 1970; null if it equals event_time.';
COMMENT ON COLUMN event_records.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN event_records.partition IS 'Kafka partition.';
COMMENT ON COLUMN event_records.type_id IS 'The type, in event_types. Null for a type that had no number when the row was stored; event_type and event_version then have the text.';
COMMENT ON COLUMN event_records.checksum IS 'The checksum, as in the view events.';
COMMENT ON COLUMN event_records.key_is_entity IS 'Whether the key of the record is entity_id in UTF-8; key is then null.';
COMMENT ON COLUMN event_records.reason IS 'The reason why the record was skipped; null for an event.';
COMMENT ON COLUMN event_records.key IS 'The key of the record; null if it has no key, or if key_is_entity.';
COMMENT ON COLUMN event_records.headers IS 'The headers of the record, as in the view events.';
COMMENT ON COLUMN event_records.entity_id IS 'The id of the thing that the event is about.';
COMMENT ON COLUMN event_records.event_type IS 'The type of the event; null if type_id has it.';
COMMENT ON COLUMN event_records.event_version IS 'The version of the event''s format; null if type_id has it.';
COMMENT ON COLUMN event_records.payload IS 'The value as JSON, as in the view events.';
COMMENT ON COLUMN event_records.raw IS 'The bytes of the value, as in the view events.';
COMMENT ON COLUMN event_records.problems IS 'Findings about the event, separated by ; . Null without findings.';

ALTER TABLE events RENAME TO old_events;
DO $$
DECLARE
    month_table text;
BEGIN
    FOR month_table IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'old_events'::regclass LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', month_table, 'old_' || month_table);
    END LOOP;
END
$$;

-- The DDL contains only identifiers that this function creates, never text from outside.
CREATE OR REPLACE FUNCTION make_event_month(month_of timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    first_day timestamp := date_trunc('month', month_of AT TIME ZONE 'UTC');
    month_table text := 'events_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass(format('%I', month_table)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF event_records FOR VALUES FROM (%L) TO (%L)',
        month_table, first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
    -- The key of a partitioned table needs arrived_at. The key of a month does not, so it is
    -- shorter and stronger.
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (stream, partition, "offset")', month_table);
    EXECUTE format('COMMENT ON TABLE %I IS %L', month_table, 'Events that arrived in ' || to_char(first_day, 'YYYY-MM') || ' (UTC).');
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION make_event_months(months_ahead integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    made integer := 0;
BEGIN
    FOR n IN 0..months_ahead LOOP
        IF make_event_month((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n)) AT TIME ZONE 'UTC') THEN
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;

CREATE OR REPLACE FUNCTION event_months() RETURNS TABLE (month_table text, month_begin timestamptz, month_end timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT c.relname::text, b.parts[1]::timestamptz, b.parts[2]::timestamptz
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') AS b (parts)
    WHERE i.inhparent = 'event_records'::regclass
    ORDER BY 2
$$;

SELECT make_event_month(b.parts[1]::timestamptz)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO') AS b (parts)
WHERE i.inhparent = 'old_events'::regclass;

-- The DDL and the statements contain only names of tables, which PostgreSQL quotes.
CREATE FUNCTION move_log_rows(source regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($sql$
        INSERT INTO event_types (stream, skipped, event_type, event_version)
        SELECT n.stream, n.skipped, n.event_type, n.event_version
        FROM (
            SELECT o.stream, o.outcome = 'skipped' AS skipped, o.event_type, o.event_version, count(*) AS rows
            FROM %1$s o
            WHERE coalesce(octet_length(o.event_type), 0) <= 256 AND coalesce(octet_length(o.event_version), 0) <= 256
            GROUP BY 1, 2, 3, 4
        ) AS n
        WHERE NOT EXISTS (
            SELECT FROM event_types t WHERE t.stream = n.stream AND t.skipped = n.skipped
                AND t.event_type IS NOT DISTINCT FROM n.event_type AND t.event_version IS NOT DISTINCT FROM n.event_version)
        ORDER BY n.rows DESC, n.stream, n.skipped, n.event_type, n.event_version
        LIMIT greatest(0, 4000 - (SELECT count(*) FROM event_types))
        ON CONFLICT DO NOTHING
    $sql$, source);
    EXECUTE format($sql$
        INSERT INTO event_records ("offset", arrived_at, event_time, timestamp_ms, stream, partition, type_id, checksum, key_is_entity, reason,
            key, headers, entity_id, event_type, event_version, payload, raw, problems)
        SELECT o."offset", o.arrived_at, o.event_time, nullif(o.timestamp_ms, (date_part('epoch', o.event_time) * 1000)::bigint),
            o.stream, o.partition, t.id, o.checksum, s.same, CASE WHEN o.outcome = 'skipped' THEN coalesce(o.reason, '') END,
            CASE WHEN NOT s.same THEN o.key END, o.headers, o.entity_id, CASE WHEN t.id IS NULL THEN o.event_type END,
            CASE WHEN t.id IS NULL THEN o.event_version END, o.payload, o.raw, o.problems
        FROM %1$s o
        CROSS JOIN LATERAL (SELECT coalesce(o.key = convert_to(o.entity_id, 'UTF8'), false)) AS s (same)
        LEFT JOIN event_types t ON t.stream = o.stream AND t.skipped = (o.outcome = 'skipped')
            AND coalesce(t.event_type, '') = coalesce(o.event_type, '') AND (t.event_type IS NULL) = (o.event_type IS NULL)
            AND coalesce(t.event_version, '') = coalesce(o.event_version, '') AND (t.event_version IS NULL) = (o.event_version IS NULL)
        ORDER BY o.arrived_at, o.stream, o.partition, o."offset"
    $sql$, source);
END
$$;
COMMENT ON FUNCTION move_log_rows(regclass) IS 'Copies the rows of a table with the columns of the view events into the log. Called by weir restore.';

SELECT move_log_rows('old_events');

CREATE VIEW events AS
SELECT e.stream, e.partition, e."offset", e.arrived_at,
    -- The seconds as a number with 53 bits are exact to a millisecond between the years 0 and 9999.
    coalesce(e.timestamp_ms, (date_part('epoch', e.event_time) * 1000)::bigint) AS timestamp_ms,
    e.event_time, e.checksum, CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason,
    CASE WHEN e.key_is_entity THEN convert_to(e.entity_id, 'UTF8') ELSE e.key END AS key, e.headers, e.entity_id,
    coalesce(t.event_type, e.event_type) AS event_type, coalesce(t.event_version, e.event_version) AS event_version,
    e.payload, e.raw, e.problems
FROM event_records e
LEFT JOIN event_types t ON t.id = e.type_id;
COMMENT ON VIEW events IS 'The log: one row for each record that was decoded, including skipped records. Plugins may read it.';
COMMENT ON COLUMN events.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN events.partition IS 'Kafka partition.';
COMMENT ON COLUMN events."offset" IS 'Kafka offset.';
COMMENT ON COLUMN events.arrived_at IS 'The start of the transaction that stored the record, by the database''s clock. It selects the month''s table.';
COMMENT ON COLUMN events.timestamp_ms IS 'The record''s timestamp in milliseconds since 1970. The producer sets it, so it may be 0, negative or far in the future.';
COMMENT ON COLUMN events.event_time IS 'The time of the event as its model reads it, otherwise the record''s timestamp. Null if that is not a time between the years 0 and 9999, or if Kafka has no timestamp (-1).';
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
COMMENT ON COLUMN events.problems IS 'Findings about the event, separated by ; . Null without findings.';

CREATE OR REPLACE VIEW api.events AS
SELECT s.topic, s.group_id, s.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason,
    encode(e.key, 'escape') AS key, e.entity_id, e.event_type, e.event_version, e.payload, e.problems
FROM public.events e
JOIN public.streams s ON s.id = e.stream;

DROP TABLE old_events;

CREATE VIEW api.event_types AS
SELECT s.topic, s.group_id, s.epoch, t.skipped, t.event_type, t.event_version, t.id
FROM public.event_types t
JOIN public.streams s ON s.id = t.stream;
COMMENT ON VIEW api.event_types IS 'The types of events of each topic, at once for any number of events. A type whose first batch is just being stored may be missing, and so may the newest ones of more than 4,000 types.';
COMMENT ON COLUMN api.event_types.topic IS 'Kafka topic.';
COMMENT ON COLUMN api.event_types.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN api.event_types.epoch IS 'How often the topic was recreated and reset before.';
COMMENT ON COLUMN api.event_types.skipped IS 'Whether the records were skipped.';
COMMENT ON COLUMN api.event_types.event_type IS 'The type; null if the events have none.';
COMMENT ON COLUMN api.event_types.event_version IS 'The version of the event''s format; null if the events have none.';
COMMENT ON COLUMN api.event_types.id IS 'The number of the type.';

CREATE VIEW api.events_with_type_id AS
SELECT s.topic, s.group_id, s.epoch, e.partition, e."offset", e.arrived_at, e.event_time,
    CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason,
    encode(CASE WHEN e.key_is_entity THEN convert_to(e.entity_id, 'UTF8') ELSE e.key END, 'escape') AS key, e.entity_id,
    coalesce(t.event_type, e.event_type) AS event_type, coalesce(t.event_version, e.event_version) AS event_version, e.payload, e.problems,
    e.type_id
FROM public.event_records e
JOIN public.streams s ON s.id = e.stream
LEFT JOIN public.event_types t ON t.id = e.type_id;
COMMENT ON VIEW api.events_with_type_id IS 'The view events with the number of the type. The functions events_between and newest_events read it; use them, or the view events.';
DO $$
DECLARE
    shown record;
BEGIN
    FOR shown IN
        SELECT a.attname AS name, col_description(a.attrelid, a.attnum) AS text
        FROM pg_attribute a WHERE a.attrelid = 'api.events'::regclass AND a.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN api.events_with_type_id.%I IS %L', shown.name, shown.text);
    END LOOP;
END
$$;
COMMENT ON COLUMN api.events_with_type_id.type_id IS 'The number of the type, in event_types; null if it had none when the record was stored.';

-- A SQL function without settings becomes a part of the query that calls it, so that a query can
-- count and filter its rows without making all of them.
CREATE FUNCTION api.events_between(of_topic text, from_time timestamptz, to_time timestamptz) RETURNS SETOF api.events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 AS $$
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE e.type_id = ANY (ARRAY (SELECT t.id FROM api.event_types t WHERE t.topic = of_topic))
        AND e.event_time >= from_time AND e.event_time < to_time
    UNION ALL
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE e.type_id IS NULL AND e.topic = of_topic AND e.event_time >= from_time AND e.event_time < to_time
$$;
COMMENT ON FUNCTION api.events_between(text, timestamptz, timestamptz) IS 'The events of a topic with a time from from_time to before to_time. Use it for charts and totals of a time range: it reads only these events, while the view events with the same conditions reads the whole log.';

CREATE FUNCTION api.events_of(entity text) RETURNS SETOF api.events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events e
    WHERE e.entity_id = entity
$$;
COMMENT ON FUNCTION api.events_of(text) IS 'The events about one entity. Use it for the history of a thing, or with LATERAL for the histories of several things.';

CREATE FUNCTION api.event_at(of_topic text, of_partition integer, of_offset bigint) RETURNS SETOF api.events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events e
    WHERE e.topic = of_topic AND e.partition = of_partition AND e."offset" = of_offset
$$;
COMMENT ON FUNCTION api.event_at(text, integer, bigint) IS 'The record at a place in Kafka: one row for each consumer group and epoch that stored it. Use it when a log line or a message names topic, partition and offset.';

CREATE FUNCTION api.newest_events(of_topic text, how_many integer) RETURNS SETOF api.events
LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT e.* FROM (
        SELECT n.* FROM api.event_types t
        CROSS JOIN LATERAL (
            SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
                e.event_type, e.event_version, e.payload, e.problems
            FROM api.events_with_type_id e
            WHERE e.type_id = t.id AND e.event_time > '-infinity'
            ORDER BY e.event_time DESC, e.arrived_at DESC, e.partition DESC, e."offset" DESC
            LIMIT how_many
        ) AS n
        WHERE t.topic = of_topic
        UNION ALL
        (SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
            e.event_type, e.event_version, e.payload, e.problems
        FROM api.events_with_type_id e
        WHERE e.type_id IS NULL AND e.topic = of_topic AND e.event_time > '-infinity'
        ORDER BY e.event_time DESC, e.arrived_at DESC, e.partition DESC, e."offset" DESC
        LIMIT how_many)
    ) AS e
    ORDER BY e.event_time DESC, e.arrived_at DESC, e.partition DESC, e."offset" DESC
    LIMIT how_many
$$;
COMMENT ON FUNCTION api.newest_events(text, integer) IS 'The newest events of a topic by the time of the event, skipped records too. Use it instead of ORDER BY event_time DESC LIMIT over the view events, which reads the whole topic. Events without a time are not among them.';
