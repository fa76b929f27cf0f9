-- Many records of the log in one row.
--
-- A run of records of one partition and one type is one row, whose values are arrays. All other
-- records are narrow rows. The views show both alike.

CREATE TABLE packed_events (
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    arrived_at timestamptz NOT NULL DEFAULT now(),
    oldest timestamptz NOT NULL,
    newest timestamptz NOT NULL,
    stream integer NOT NULL,
    partition integer NOT NULL,
    type_id integer NOT NULL,
    records integer NOT NULL,
    key_is_entity boolean NOT NULL,
    offsets smallint[],
    arrivals timestamptz[],
    event_times timestamptz[] NOT NULL,
    timestamps bigint[],
    checksums uuid[] NOT NULL,
    reasons text[],
    keys bytea[],
    headers json[],
    entity_hashes integer[],
    entity_ids text[],
    payloads json[],
    raws bytea[],
    -- A place finds its row by these limits, and the lists read few rows because of them.
    CONSTRAINT packed_events_offsets CHECK (last_offset - first_offset BETWEEN records - 1 AND 4095),
    CONSTRAINT packed_events_times CHECK (newest - oldest BETWEEN interval '0' AND interval '1 hour'),
    -- unnest fills short arrays with nulls, without an error.
    CONSTRAINT packed_events_records CHECK (records = ALL (ARRAY[cardinality(event_times), cardinality(checksums),
        coalesce(cardinality(offsets), last_offset - first_offset + 1), coalesce(cardinality(arrivals), records),
        coalesce(cardinality(timestamps), records), coalesce(cardinality(reasons), records), coalesce(cardinality(keys), records),
        coalesce(cardinality(headers), records), coalesce(cardinality(entity_ids), records), coalesce(cardinality(payloads), records),
        coalesce(cardinality(raws), records)]))
) PARTITION BY RANGE (arrived_at);
-- The newest records of each type.
CREATE INDEX packed_events_newest ON packed_events (type_id, newest);
-- Without a limit for new entries, a writer waits for 100 ms now and then.
CREATE INDEX packed_events_of_entity ON packed_events USING gin (entity_hashes) WITH (fastupdate = on, gin_pending_list_limit = 256);
CREATE INDEX packed_events_arrived ON packed_events USING brin (arrived_at) WITH (pages_per_range = 32);
-- Statistics of long arrays cost time and help no plan.
ALTER TABLE packed_events
    ALTER offsets SET STATISTICS 0, ALTER arrivals SET STATISTICS 0, ALTER event_times SET STATISTICS 0, ALTER timestamps SET STATISTICS 0,
    ALTER checksums SET STATISTICS 0, ALTER reasons SET STATISTICS 0, ALTER keys SET STATISTICS 0, ALTER headers SET STATISTICS 0,
    ALTER entity_ids SET STATISTICS 0, ALTER payloads SET STATISTICS 0, ALTER raws SET STATISTICS 0;
COMMENT ON TABLE packed_events IS 'The log: up to 100 records of one partition and one type in each row. The view events shows them as rows.';
COMMENT ON COLUMN packed_events.first_offset IS 'The lowest Kafka offset in the row.';
COMMENT ON COLUMN packed_events.last_offset IS 'The highest Kafka offset in the row.';
COMMENT ON COLUMN packed_events.arrived_at IS 'When the records arrived; the earliest time if arrivals has several, which are all in the same hour (UTC). It selects the month''s table.';
COMMENT ON COLUMN packed_events.oldest IS 'The earliest time of an event in the row.';
COMMENT ON COLUMN packed_events.newest IS 'The latest time of an event in the row.';
COMMENT ON COLUMN packed_events.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN packed_events.partition IS 'Kafka partition.';
COMMENT ON COLUMN packed_events.type_id IS 'The type of all records, in event_types.';
COMMENT ON COLUMN packed_events.records IS 'The number of records.';
COMMENT ON COLUMN packed_events.key_is_entity IS 'Whether the key of each record is its entity id in UTF-8; keys is then null.';
COMMENT ON COLUMN packed_events.offsets IS 'The offsets of the records less first_offset, in ascending order; null if none is missing between the first and the last.';
COMMENT ON COLUMN packed_events.arrivals IS 'When each record arrived; null if it is arrived_at for all.';
COMMENT ON COLUMN packed_events.event_times IS 'The times of the events.';
COMMENT ON COLUMN packed_events.timestamps IS 'The timestamps of the records in milliseconds since 1970, null where one equals the event''s time; null if all do.';
COMMENT ON COLUMN packed_events.checksums IS 'The checksums; a uuid has 16 bytes, too.';
COMMENT ON COLUMN packed_events.reasons IS 'The reasons why the records were skipped; null for events.';
COMMENT ON COLUMN packed_events.keys IS 'The keys of the records; null if none has a key, or if key_is_entity.';
COMMENT ON COLUMN packed_events.headers IS 'The headers of the records; null if none has headers.';
COMMENT ON COLUMN packed_events.entity_hashes IS 'The entity_hash of each entity in the row, once. An index on the ids would keep an id after its records are gone.';
COMMENT ON COLUMN packed_events.entity_ids IS 'The ids of the things that the events are about; null if there are none.';
COMMENT ON COLUMN packed_events.payloads IS 'The values as JSON; null if there are none.';
COMMENT ON COLUMN packed_events.raws IS 'The bytes of values that are not exactly the JSON; null if there are none.';

-- Packed values are small with either method, and lz4 is several times faster. Not every server has
-- it.
DO $$
DECLARE
    of_column text;
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        FOR of_column IN
            SELECT a.attname FROM pg_attribute a
            WHERE a.attrelid = 'packed_events'::regclass AND a.attnum > 0 AND a.attstorage <> 'p'
        LOOP
            EXECUTE format('ALTER TABLE packed_events ALTER %I SET COMPRESSION lz4', of_column);
        END LOOP;
    END IF;
END
$$;

CREATE FUNCTION api.entity_hash(entity text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ('x' || encode(substr(sha256(convert_to(entity, 'UTF8')), 1, 4), 'hex'))::bit(32)::integer
$$;
COMMENT ON FUNCTION api.entity_hash(text) IS 'The first four bytes of the SHA-256 of an entity id, by which packed rows are found. The function events_of uses it.';

-- The DDL contains only identifiers that this function creates, never text from outside.
CREATE FUNCTION make_packed_month(first_day timestamp) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    month_table text := 'packed_events_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass(format('%I', month_table)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF packed_events FOR VALUES FROM (%L) TO (%L)
        WITH (autovacuum_vacuum_insert_scale_factor = 0.05)',
        month_table, first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (stream, partition, first_offset)', month_table);
    EXECUTE format('COMMENT ON TABLE %I IS %L', month_table, 'Packed events that arrived in ' || to_char(first_day, 'YYYY-MM') || ' (UTC).');
END
$$;
COMMENT ON FUNCTION make_packed_month(timestamp) IS 'Creates the table of a month for packed events. Called by make_event_month.';

CREATE OR REPLACE FUNCTION make_event_month(month_of timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    first_day timestamp := date_trunc('month', month_of AT TIME ZONE 'UTC');
    month_table text := 'events_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass(format('%I', month_table)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- A vacuum also adds new pages to the index of arrival.
    EXECUTE format('CREATE TABLE %I PARTITION OF event_records FOR VALUES FROM (%L) TO (%L) WITH (autovacuum_vacuum_insert_scale_factor = 0.05)',
        month_table, first_day AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
    -- The key of a partitioned table needs arrived_at. The key of a month does not, so it is
    -- shorter and stronger.
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (stream, partition, "offset")', month_table);
    EXECUTE format('COMMENT ON TABLE %I IS %L', month_table, 'Events that arrived in ' || to_char(first_day, 'YYYY-MM') || ' (UTC).');
    PERFORM make_packed_month(first_day);
    RETURN true;
END
$$;

SELECT make_packed_month(m.month_begin AT TIME ZONE 'UTC') FROM event_months() m;

CREATE OR REPLACE FUNCTION drop_event_month(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM event_months() WHERE month_table = name) THEN
        RAISE EXCEPTION '% is not a month of the log', name;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
    EXECUTE format('DROP TABLE IF EXISTS %I', 'packed_' || name);
END
$$;

-- All values of each record. The columns after problems tell which row has the record: a narrow
-- row, which has this record only, or a packed row. With limits on these columns, a query unpacks
-- few rows.
CREATE VIEW event_values AS
SELECT e.stream, e.partition, e."offset", e.arrived_at,
    -- The seconds as a number with 53 bits are exact to a millisecond between the years 0 and 9999.
    coalesce(e.timestamp_ms, (date_part('epoch', e.event_time) * 1000)::bigint) AS timestamp_ms,
    e.event_time, e.checksum, CASE WHEN e.reason IS NULL THEN 'event' ELSE 'skipped' END AS outcome, e.reason,
    CASE WHEN e.key_is_entity THEN convert_to(e.entity_id, 'UTF8') ELSE e.key END AS key, e.headers, e.entity_id,
    coalesce(t.event_type, e.event_type) AS event_type, coalesce(t.event_version, e.event_version) AS event_version,
    e.payload, e.raw, e.problems, e.type_id, false AS packed, e."offset" AS row_first, e."offset" AS row_last, e.arrived_at AS row_arrived_at,
    e.event_time AS row_oldest, e.event_time AS row_newest, NULL::integer[] AS row_entities
FROM event_records e
LEFT JOIN event_types t ON t.id = e.type_id
UNION ALL
SELECT p.stream, p.partition, p.first_offset + coalesce(u.place, u.n - 1), coalesce(u.arrived_at, p.arrived_at),
    coalesce(u.timestamp_ms, (date_part('epoch', u.event_time) * 1000)::bigint),
    u.event_time, uuid_send(u.checksum), CASE WHEN u.reason IS NULL THEN 'event' ELSE 'skipped' END, u.reason,
    CASE WHEN p.key_is_entity THEN convert_to(u.entity_id, 'UTF8') ELSE u.key END, u.headers, u.entity_id,
    t.event_type, t.event_version, u.payload, u.raw, NULL, p.type_id, true, p.first_offset, p.last_offset, p.arrived_at,
    p.oldest, p.newest, p.entity_hashes
FROM packed_events p
-- One unnest for all columns: each subscript would decompress its array again.
CROSS JOIN LATERAL unnest(p.event_times, p.checksums, p.offsets, p.arrivals, p.timestamps, p.reasons, p.keys, p.headers, p.entity_ids, p.payloads, p.raws)
    WITH ORDINALITY AS u (event_time, checksum, place, arrived_at, timestamp_ms, reason, key, headers, entity_id, payload, raw, n)
LEFT JOIN event_types t ON t.id = p.type_id;
COMMENT ON VIEW event_values IS 'The view events, and the row of the log in which each record is stored.';

-- The values that order and select lists, without the long ones.
CREATE VIEW event_places AS
SELECT e.stream, e.partition, e."offset", e.arrived_at, e.event_time, e.entity_id, e.problems, e.type_id, false AS packed, e."offset" AS row_first,
    e."offset" AS row_last, e.arrived_at AS row_arrived_at, e.event_time AS row_oldest, e.event_time AS row_newest
FROM event_records e
UNION ALL
SELECT p.stream, p.partition, p.first_offset + coalesce(u.place, u.n - 1), coalesce(u.arrived_at, p.arrived_at), u.event_time, u.entity_id, NULL, p.type_id, true,
    p.first_offset, p.last_offset, p.arrived_at, p.oldest, p.newest
FROM packed_events p
CROSS JOIN LATERAL unnest(p.event_times, p.offsets, p.arrivals, p.entity_ids) WITH ORDINALITY AS u (event_time, place, arrived_at, entity_id, n);
COMMENT ON VIEW event_places IS 'The coordinates, time and entity of each record, and the row of the log in which it is stored.';

-- The limits of a row select few rows, and the rest selects their records. A function without
-- settings becomes a part of the query that calls it.
CREATE FUNCTION newest_places(of_type integer, how_many bigint, from_time timestamptz, to_time timestamptz, after_time timestamptz, after_arrival timestamptz,
    after_stream integer, after_partition integer, after_offset bigint)
RETURNS TABLE (stream integer, partition integer, "offset" bigint, arrived_at timestamptz, event_time timestamptz, entity_id text, problems text,
    row_first bigint, row_arrived_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT * FROM (
        SELECT r.stream, r.partition, r."offset", r.arrived_at, r.event_time, r.entity_id, r.problems, r."offset", r.arrived_at
        FROM event_records r
        WHERE r.type_id = of_type AND r.event_time > '-infinity' AND r.event_time >= coalesce(from_time, '-infinity')
            AND r.event_time < coalesce(to_time, 'infinity') AND r.event_time <= coalesce(after_time, 'infinity')
            AND (after_time IS NULL
                OR (r.event_time, r.arrived_at, r.stream, r.partition, r."offset") < (after_time, after_arrival, after_stream, after_partition, after_offset))
        ORDER BY r.event_time DESC, r.arrived_at DESC, r.stream DESC, r.partition DESC, r."offset" DESC LIMIT how_many
    ) AS narrow
    UNION ALL
    SELECT n.* FROM (
        -- The newest rows of which all records count, down to the one with which they are enough.
        -- No wanted record is older than these.
        SELECT coalesce(min(b.oldest), '-infinity') AS time FROM (
            SELECT w.oldest, sum(w.records) OVER (ORDER BY w.newest DESC ROWS UNBOUNDED PRECEDING) - w.records AS before
            FROM (
                SELECT p.oldest, p.newest, p.records FROM packed_events p
                WHERE p.type_id = of_type AND p.newest >= coalesce(from_time, '-infinity')
                    AND p.newest < least(coalesce(to_time, 'infinity'), coalesce(after_time, 'infinity'))
                ORDER BY p.newest DESC LIMIT how_many
            ) AS w
        ) AS b
        WHERE b.before < how_many
    ) AS since
    CROSS JOIN LATERAL (
        SELECT e.stream, e.partition, e."offset", e.arrived_at, e.event_time, e.entity_id, e.problems, e.row_first, e.row_arrived_at
        FROM event_places e
        WHERE e.packed AND e.type_id = of_type AND e.row_newest >= since.time AND e.row_newest >= coalesce(from_time, '-infinity')
            AND e.row_newest < least(coalesce(to_time, 'infinity'), coalesce(after_time, 'infinity')) + interval '1 hour'
            AND e.row_oldest < coalesce(to_time, 'infinity') AND e.row_oldest <= coalesce(after_time, 'infinity')
            AND e.event_time >= since.time AND e.event_time >= coalesce(from_time, '-infinity') AND e.event_time < coalesce(to_time, 'infinity')
            AND (after_time IS NULL
                OR (e.event_time, e.arrived_at, e.stream, e.partition, e."offset") < (after_time, after_arrival, after_stream, after_partition, after_offset))
        ORDER BY e.event_time DESC, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC LIMIT how_many
    ) AS n
$$;
COMMENT ON FUNCTION newest_places(integer, bigint, timestamptz, timestamptz, timestamptz, timestamptz, integer, integer, bigint) IS 'The newest records of a type, up to how_many narrow ones and up to how_many packed ones: with a time from from_time to before to_time, and after the last record of the page before. Each limit may be null.';

DO $$
DECLARE
    shown record;
BEGIN
    FOR shown IN
        SELECT v.name AS of_view, a.attname AS name, coalesce(col_description('events'::regclass, e.attnum), CASE a.attname
            WHEN 'type_id' THEN 'The number of the type, in event_types; null if it had none when the record was stored.'
            WHEN 'packed' THEN 'Whether the row has several records.'
            WHEN 'row_first' THEN 'The lowest offset in the row.'
            WHEN 'row_last' THEN 'The highest offset in the row, which is less than row_first + 4096.'
            WHEN 'row_arrived_at' THEN 'The earliest arrival in the row; the others are in the same hour (UTC).'
            WHEN 'row_oldest' THEN 'The earliest time of an event in the row.'
            WHEN 'row_newest' THEN 'The latest time of an event in the row, at most one hour after row_oldest.'
            WHEN 'row_entities' THEN 'The entity_hash of each entity in a packed row.' END) AS text
        FROM unnest(ARRAY['event_values', 'event_places']) AS v (name)
        JOIN pg_attribute a ON a.attrelid = v.name::regclass AND a.attnum > 0
        LEFT JOIN pg_attribute e ON e.attrelid = 'events'::regclass AND e.attname = a.attname
    LOOP
        EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', shown.of_view, shown.name, shown.text);
    END LOOP;
END
$$;

CREATE OR REPLACE VIEW events AS
SELECT v.stream, v.partition, v."offset", v.arrived_at, v.timestamp_ms, v.event_time, v.checksum, v.outcome, v.reason, v.key, v.headers, v.entity_id,
    v.event_type, v.event_version, v.payload, v.raw, v.problems
FROM event_values v;

-- Packed rows never change. A record that changes is first taken out of its row, together with the
-- others. The caller has locked the partition.
CREATE FUNCTION unpack_events(of_stream integer, of_partition integer, of_offset bigint) RETURNS void
LANGUAGE sql AS $$
    WITH taken AS (
        DELETE FROM packed_events p
        WHERE p.stream = of_stream AND p.partition = of_partition AND p.first_offset <= of_offset AND p.first_offset > of_offset - 4096
            AND p.last_offset >= of_offset AND (p.offsets IS NULL OR (of_offset - p.first_offset)::smallint = ANY (p.offsets))
        RETURNING p.*
    )
    INSERT INTO event_records ("offset", arrived_at, event_time, timestamp_ms, stream, partition, type_id, checksum, key_is_entity, reason, key, headers,
        entity_id, payload, raw)
    SELECT p.first_offset + coalesce(u.place, u.n - 1), coalesce(u.arrived_at, p.arrived_at), u.event_time, u.timestamp_ms, p.stream, p.partition, p.type_id,
        uuid_send(u.checksum), p.key_is_entity, u.reason, u.key, u.headers, u.entity_id, u.payload, u.raw
    FROM taken p
    CROSS JOIN LATERAL unnest(p.event_times, p.checksums, p.offsets, p.arrivals, p.timestamps, p.reasons, p.keys, p.headers, p.entity_ids, p.payloads, p.raws)
        WITH ORDINALITY AS u (event_time, checksum, place, arrived_at, timestamp_ms, reason, key, headers, entity_id, payload, raw, n)
$$;
COMMENT ON FUNCTION unpack_events(integer, integer, bigint) IS 'Turns the packed row of a record into narrow rows. Called before a record changes.';

-- Packs narrow rows of one partition that arrived in one hour (UTC). The caller has locked the
-- partition. Records without a type number or a time, and those with findings, stay as they are.
CREATE FUNCTION pack_events(of_stream integer, of_partition integer, of_hour timestamptz, after bigint, at_most integer,
    OUT looked_at bigint, OUT last_offset bigint, OUT records_packed bigint)
LANGUAGE sql AS $$
    WITH chosen AS (
        SELECT e."offset", e.arrived_at, e.type_id, e.key_is_entity, e.event_time,
            coalesce(octet_length(e.payload::text), 0) + coalesce(octet_length(e.raw), 0) + coalesce(octet_length(e.headers::text), 0)
                + coalesce(octet_length(e.key), 0) + coalesce(octet_length(e.reason), 0) AS bytes
        FROM event_records e
        WHERE e.stream = of_stream AND e.partition = of_partition AND e."offset" > after
            AND e.arrived_at >= of_hour AND e.arrived_at < of_hour + interval '1 hour'
            AND e.type_id IS NOT NULL AND isfinite(e.event_time) AND e.problems IS NULL
        ORDER BY e."offset"
        LIMIT at_most
    ), numbered AS (
        SELECT c.*, row_number() OVER of_kind AS n, sum(c.bytes) OVER of_kind - c.bytes AS bytes_before
        FROM chosen c
        WINDOW of_kind AS (PARTITION BY c.type_id, c.key_is_entity, c."offset" >> 12, date_trunc('hour', c.event_time AT TIME ZONE 'UTC') ORDER BY c."offset")
    ), cut AS (
        SELECT n.*, greatest((n.n - 1) / 100, n.bytes_before / 65536) AS part FROM numbered n
    ), sized AS MATERIALIZED (
        SELECT c."offset", count(*) OVER of_row AS size, min(c."offset") OVER of_row AS row_first
        FROM cut c
        WINDOW of_row AS (PARTITION BY c.type_id, c.key_is_entity, c."offset" >> 12, date_trunc('hour', c.event_time AT TIME ZONE 'UTC'), c.part)
    ), taken AS (
        DELETE FROM event_records e
        WHERE e.stream = of_stream AND e.partition = of_partition AND e.arrived_at >= of_hour AND e.arrived_at < of_hour + interval '1 hour'
            AND e."offset" = ANY (ARRAY (SELECT s."offset" FROM sized s WHERE s.size >= 5))
        RETURNING e.*
    ), made AS (
        INSERT INTO packed_events (first_offset, last_offset, arrived_at, oldest, newest, stream, partition, type_id, records, key_is_entity,
            offsets, arrivals, event_times, timestamps, checksums, reasons, keys, headers, entity_hashes, entity_ids, payloads, raws)
        SELECT s.row_first, max(t."offset"), min(t.arrived_at), min(t.event_time), max(t.event_time), of_stream, of_partition, t.type_id, count(*),
            t.key_is_entity,
            CASE WHEN max(t."offset") - s.row_first >= count(*) THEN array_agg((t."offset" - s.row_first)::smallint ORDER BY t."offset") END,
            CASE WHEN min(t.arrived_at) < max(t.arrived_at) THEN array_agg(t.arrived_at ORDER BY t."offset") END,
            array_agg(t.event_time ORDER BY t."offset"),
            CASE WHEN count(t.timestamp_ms) > 0 THEN array_agg(t.timestamp_ms ORDER BY t."offset") END,
            array_agg(encode(t.checksum, 'hex')::uuid ORDER BY t."offset"),
            CASE WHEN count(t.reason) > 0 THEN array_agg(t.reason ORDER BY t."offset") END,
            CASE WHEN count(t.key) > 0 THEN array_agg(t.key ORDER BY t."offset") END,
            CASE WHEN count(t.headers) > 0 THEN array_agg(t.headers ORDER BY t."offset") END,
            array_agg(DISTINCT api.entity_hash(t.entity_id)) FILTER (WHERE t.entity_id IS NOT NULL),
            CASE WHEN count(t.entity_id) > 0 THEN array_agg(t.entity_id ORDER BY t."offset") END,
            CASE WHEN count(t.payload) > 0 THEN array_agg(t.payload ORDER BY t."offset") END,
            CASE WHEN count(t.raw) > 0 THEN array_agg(t.raw ORDER BY t."offset") END
        FROM taken t
        JOIN sized s ON s."offset" = t."offset"
        GROUP BY s.row_first, t.type_id, t.key_is_entity
        RETURNING records
    )
    SELECT (SELECT count(*) FROM chosen), (SELECT max(c."offset") FROM chosen c), (SELECT coalesce(sum(m.records), 0)::bigint FROM made m)
$$;
COMMENT ON FUNCTION pack_events(integer, integer, timestamptz, bigint, integer) IS 'Packs narrow rows of a partition and an hour, in the order of their offsets. Returns how many rows it looked at, the offset of the last one, and how many are packed now.';

CREATE TABLE packing (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    packed_until timestamptz NOT NULL
);
COMMENT ON TABLE packing IS 'How far the log''s closed hours are packed: one row, or none before the first run.';
COMMENT ON COLUMN packing.one IS 'Always true.';
COMMENT ON COLUMN packing.packed_until IS 'The end of the last hour that was packed.';

CREATE OR REPLACE VIEW api.events_with_type_id AS
SELECT s.topic, s.group_id, s.epoch, v.partition, v."offset", v.arrived_at, v.event_time, v.outcome, v.reason,
    encode(v.key, 'escape') AS key, v.entity_id, v.event_type, v.event_version, v.payload, v.problems, v.type_id,
    v.packed, v.row_first, v.row_last, v.row_arrived_at, v.row_oldest, v.row_newest, v.row_entities
FROM public.event_values v
JOIN public.streams s ON s.id = v.stream;
COMMENT ON VIEW api.events_with_type_id IS 'The view events with the number of the type, and the row that has the record. The functions events_between, events_arrived, events_of, event_at and newest_events read it; use them, or the view events.';
DO $$
DECLARE
    shown record;
BEGIN
    FOR shown IN
        SELECT a.attname AS name, col_description('public.event_values'::regclass, v.attnum) AS text
        FROM pg_attribute a
        JOIN pg_attribute v ON v.attrelid = 'public.event_values'::regclass AND v.attname = a.attname
        WHERE a.attrelid = 'api.events_with_type_id'::regclass AND a.attname ~ '^(packed|row_)'
    LOOP
        EXECUTE format('COMMENT ON COLUMN api.events_with_type_id.%I IS %L', shown.name, shown.text);
    END LOOP;
END
$$;

CREATE VIEW api.packed_rows AS
SELECT p.type_id, p.oldest, p.newest, p.records FROM public.packed_events p;
COMMENT ON VIEW api.packed_rows IS 'The packed rows of the log. The function newest_events reads it.';
COMMENT ON COLUMN api.packed_rows.type_id IS 'The number of the type.';
COMMENT ON COLUMN api.packed_rows.oldest IS 'The earliest time of an event in the row.';
COMMENT ON COLUMN api.packed_rows.newest IS 'The latest time of an event in the row.';
COMMENT ON COLUMN api.packed_rows.records IS 'The number of records in the row.';

-- These functions become a part of the query that calls them. The limits of a row select few rows,
-- and the rest selects their records.
CREATE OR REPLACE FUNCTION api.events_between(of_topic text, from_time timestamptz, to_time timestamptz) RETURNS SETOF api.events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 AS $$
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE e.type_id = ANY (ARRAY (SELECT t.id FROM api.event_types t WHERE t.topic = of_topic))
        AND e.row_newest >= from_time AND e.row_newest < to_time + interval '1 hour' AND e.row_oldest < to_time
        AND e.event_time >= from_time AND e.event_time < to_time
    UNION ALL
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE e.type_id IS NULL AND NOT e.packed AND e.topic = of_topic AND e.event_time >= from_time AND e.event_time < to_time
$$;

CREATE FUNCTION api.events_arrived(from_time timestamptz, to_time timestamptz) RETURNS SETOF api.events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 AS $$
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE e.row_arrived_at >= from_time - interval '1 hour' AND e.row_arrived_at < to_time AND e.arrived_at >= from_time AND e.arrived_at < to_time
$$;
COMMENT ON FUNCTION api.events_arrived(timestamptz, timestamptz) IS 'The events of all topics that arrived from from_time to before to_time. Use it to read the end of the log again and again, for example for another database.';

CREATE OR REPLACE FUNCTION api.events_of(entity text) RETURNS SETOF api.events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE NOT e.packed AND e.entity_id = entity
    UNION ALL
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE e.packed AND e.row_entities @> ARRAY[api.entity_hash(entity)] AND e.entity_id = entity
$$;

CREATE OR REPLACE FUNCTION api.event_at(of_topic text, of_partition integer, of_offset bigint) RETURNS SETOF api.events
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
        e.event_type, e.event_version, e.payload, e.problems
    FROM api.events_with_type_id e
    WHERE e.topic = of_topic AND e.partition = of_partition AND e."offset" = of_offset
        AND e.row_first <= of_offset AND e.row_first > of_offset - 4096 AND e.row_last >= of_offset
$$;

CREATE OR REPLACE FUNCTION api.newest_events(of_topic text, how_many integer) RETURNS SETOF api.events
LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT e.* FROM (
        SELECT n.* FROM api.event_types t
        CROSS JOIN LATERAL (
            SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
                e.event_type, e.event_version, e.payload, e.problems
            FROM api.events_with_type_id e
            WHERE NOT e.packed AND e.type_id = t.id AND e.event_time > '-infinity'
            ORDER BY e.event_time DESC, e.arrived_at DESC, e.partition DESC, e."offset" DESC
            LIMIT how_many
        ) AS n
        WHERE t.topic = of_topic
        UNION ALL
        SELECT n.* FROM api.event_types t
        -- The newest rows that have how_many records together. No wanted record is older.
        CROSS JOIN LATERAL (
            SELECT coalesce(min(b.oldest), '-infinity') AS time FROM (
                SELECT w.oldest, sum(w.records) OVER (ORDER BY w.newest DESC ROWS UNBOUNDED PRECEDING) - w.records AS before
                FROM (SELECT r.oldest, r.newest, r.records FROM api.packed_rows r WHERE r.type_id = t.id ORDER BY r.newest DESC LIMIT how_many) AS w
            ) AS b
            WHERE b.before < how_many
        ) AS since
        CROSS JOIN LATERAL (
            SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
                e.event_type, e.event_version, e.payload, e.problems
            FROM api.events_with_type_id e
            WHERE e.packed AND e.type_id = t.id AND e.row_newest >= since.time AND e.event_time >= since.time
            ORDER BY e.event_time DESC, e.arrived_at DESC, e.partition DESC, e."offset" DESC
            LIMIT how_many
        ) AS n
        WHERE t.topic = of_topic
        UNION ALL
        (SELECT e.topic, e.group_id, e.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason, e.key, e.entity_id,
            e.event_type, e.event_version, e.payload, e.problems
        FROM api.events_with_type_id e
        WHERE e.type_id IS NULL AND NOT e.packed AND e.topic = of_topic AND e.event_time > '-infinity'
        ORDER BY e.event_time DESC, e.arrived_at DESC, e.partition DESC, e."offset" DESC
        LIMIT how_many)
    ) AS e
    ORDER BY e.event_time DESC, e.arrived_at DESC, e.partition DESC, e."offset" DESC
    LIMIT how_many
$$;
