-- Series in months. A series is a table whose rows belong to their own time: readings and cdevents.
--
-- A series is partitioned by the month of its time. Producers choose these times, so only months
-- near the present have a table. Every other row is in the default partition of the series.

CREATE TABLE series (
    model text PRIMARY KEY,
    schema_name text NOT NULL,
    table_name text NOT NULL
);
COMMENT ON TABLE series IS 'The series. make_series adds a row.';
COMMENT ON COLUMN series.model IS 'The model of the series.';
COMMENT ON COLUMN series.schema_name IS 'The schema of its table.';
COMMENT ON COLUMN series.table_name IS 'The name of its table, which is partitioned by the column timestamp.';

CREATE TABLE series_removals (
    model text NOT NULL,
    month_table text NOT NULL,
    from_time timestamptz NOT NULL,
    to_time timestamptz NOT NULL,
    records bigint NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, from_time)
);
COMMENT ON TABLE series_removals IS 'The months of series that retention removed, without the days that weir restore loaded back. A row with such a time is not stored again, and these days are not dumped again.';
COMMENT ON COLUMN series_removals.model IS 'The model of the series.';
COMMENT ON COLUMN series_removals.month_table IS 'The table that was dropped, or the default partition whose rows were deleted.';
COMMENT ON COLUMN series_removals.from_time IS 'The begin of the removed time.';
COMMENT ON COLUMN series_removals.to_time IS 'The end of the removed time.';
COMMENT ON COLUMN series_removals.records IS 'The number of rows that the month had.';
COMMENT ON COLUMN series_removals.removed_at IS 'The time of the last removal.';

-- A removed month has no table, so its rows come to the default partition. Only there, and only
-- after the first removal, rows pay for the check.
CREATE FUNCTION refuse_removed_rows() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.series_removals r
        WHERE r.model = TG_ARGV[0] AND NEW."timestamp" >= r.from_time AND NEW."timestamp" < r.to_time) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION refuse_removed_rows() IS 'The trigger of the default partition of a series: ignores a row of a time that retention removed. Its argument is the model.';

CREATE FUNCTION series_tables() RETURNS TABLE (series_table regclass, default_table regclass, model text)
LANGUAGE sql STABLE AS $$
    SELECT p.partrelid::regclass, p.partdefid::regclass, s.model
    FROM public.series s
    JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = to_regclass(format('%I.%I', s.schema_name, s.table_name))
    ORDER BY 3
$$;
COMMENT ON FUNCTION series_tables() IS 'Returns the series with their tables and their default partitions.';

CREATE FUNCTION series_months(of_series regclass) RETURNS TABLE (month_table regclass, month_begin timestamptz, month_end timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT i.inhrelid::regclass, b.parts[1]::timestamptz, b.parts[2]::timestamptz
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') AS b (parts)
    WHERE i.inhparent = of_series AND b.parts IS NOT NULL
    ORDER BY 2
$$;
COMMENT ON FUNCTION series_months(regclass) IS 'Returns the months that have a table in a series.';

-- The statements of the following functions contain only names of tables and columns, which
-- PostgreSQL quotes, and times.
CREATE FUNCTION make_series_month(of_series regclass, month_of timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    first_day timestamp := date_trunc('month', month_of AT TIME ZONE 'UTC');
    begins timestamptz := first_day AT TIME ZONE 'UTC';
    ends timestamptz := (first_day + interval '1 month') AT TIME ZONE 'UTC';
    series record;
    month_table text;
    are_locked boolean := false;
    must_move boolean;
BEGIN
    SELECT s.default_table, s.model, c.relname, c.relnamespace::regnamespace AS schema INTO STRICT series
    FROM public.series_tables() s JOIN pg_catalog.pg_class c ON c.oid = s.series_table WHERE s.series_table = of_series;
    month_table := format('%s.%I', series.schema, left(series.relname, 55) || to_char(first_day, '_YYYY_MM'));
    -- Two callers create a month one after the other. Readers and writers do not wait for this.
    EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', of_series);
    IF EXISTS (SELECT FROM public.series_months(of_series) m WHERE m.month_begin = begins)
        OR EXISTS (SELECT FROM public.series_removals r WHERE r.model = series.model AND r.from_time < ends AND r.to_time > begins) THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE "timestamp" >= $1 AND "timestamp" < $2)', series.default_table)
        INTO must_move USING begins, ends;
    IF must_move THEN
        -- A dump reads the day in a snapshot from before the move. In the new table it would see
        -- no row, so no dump of these days may run now.
        INSERT INTO public.dump_locks (model, day)
        SELECT series.model, d::date FROM generate_series(first_day, first_day + interval '1 month' - interval '1 day', interval '1 day') AS d
        ON CONFLICT DO NOTHING;
        PERFORM FROM public.dump_locks l WHERE l.model = series.model AND l.day >= first_day::date
            AND l.day < (first_day + interval '1 month')::date ORDER BY l.day FOR UPDATE NOWAIT;
        are_locked := true;
    END IF;
    -- A table that is attached blocks less than a table that is created as a partition.
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', month_table, of_series);
    EXECUTE format('COMMENT ON TABLE %s IS %L', month_table, 'The rows of ' || series.relname || ' with a time in ' || to_char(first_day, 'YYYY-MM') || ' (UTC).');
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', series.default_table);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE "timestamp" >= $1 AND "timestamp" < $2)', series.default_table)
        INTO must_move USING begins, ends;
    IF must_move AND NOT are_locked THEN
        RAISE EXCEPTION 'rows of % came into % meanwhile', to_char(first_day, 'YYYY-MM'), series.default_table USING ERRCODE = 'serialization_failure';
    END IF;
    IF must_move THEN
        EXECUTE format('INSERT INTO %s SELECT * FROM %s WHERE "timestamp" >= $1 AND "timestamp" < $2', month_table, series.default_table)
            USING begins, ends;
        EXECUTE format('DELETE FROM %s WHERE "timestamp" >= $1 AND "timestamp" < $2', series.default_table) USING begins, ends;
    END IF;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', of_series, month_table, begins, ends);
    RETURN true;
END
$$;
COMMENT ON FUNCTION make_series_month(regclass, timestamptz) IS 'Creates the table of a series for the month of an instant, and moves the rows of the month out of the default partition. Returns false if the month has a table, or if retention removed a part of it. Called by migrate, by the daily job and by weir, never by ingest.';

-- Five years back, so that the number of months is limited.
CREATE FUNCTION missing_series_months(months_ahead integer) RETURNS TABLE (series_table regclass, month_begin timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    series record;
    used timestamp[];
BEGIN
    FOR series IN SELECT * FROM public.series_tables() LOOP
        EXECUTE format('SELECT array_agg(DISTINCT date_trunc(''month'', t."timestamp" AT TIME ZONE ''UTC'')) FROM %s AS t
            WHERE t."timestamp" >= $1 AND t."timestamp" < $2', series.default_table)
            INTO used USING (this_month - interval '60 months') AT TIME ZONE 'UTC', (this_month + make_interval(months => months_ahead + 1)) AT TIME ZONE 'UTC';
        RETURN QUERY
            SELECT series.series_table, w.month AT TIME ZONE 'UTC'
            FROM (
                SELECT this_month + make_interval(months => n) AS month FROM generate_series(-1, months_ahead) AS n
                UNION SELECT u FROM unnest(used) AS u
            ) AS w
            WHERE NOT EXISTS (SELECT FROM public.series_months(series.series_table) m WHERE m.month_begin = w.month AT TIME ZONE 'UTC')
                AND NOT EXISTS (SELECT FROM public.series_removals r WHERE r.model = series.model
                    AND r.from_time < (w.month + interval '1 month') AT TIME ZONE 'UTC' AND r.to_time > w.month AT TIME ZONE 'UTC')
            ORDER BY 2;
    END LOOP;
END
$$;
COMMENT ON FUNCTION missing_series_months(integer) IS 'Returns the months that series need a table for: the last one, this one, months_ahead after it, and those of the last five years that have rows in a default partition.';

CREATE FUNCTION make_series(of_series regclass, model text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    series record;
    default_table text;
BEGIN
    SELECT c.relnamespace::regnamespace::text AS schema, n.nspname, c.relname INTO STRICT series
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = of_series;
    default_table := format('%s.%I', series.schema, left(series.relname, 55) || '_default');
    EXECUTE format('CREATE TABLE %s PARTITION OF %s DEFAULT', default_table, of_series);
    EXECUTE format('COMMENT ON TABLE %s IS %L', default_table, 'The rows of ' || series.relname || ' with a time in a month that has no table.');
    -- Rows of a month are found without reading all rows. The index costs an insert almost
    -- nothing.
    EXECUTE format('CREATE INDEX ON %s USING brin ("timestamp") WITH (pages_per_range = 32)', default_table);
    INSERT INTO public.series (model, schema_name, table_name) VALUES (make_series.model, series.nspname, series.relname);
END
$$;
COMMENT ON FUNCTION make_series(regclass, text) IS 'Makes a series of a table that is partitioned by the range of its column timestamp: creates its default partition.';

CREATE FUNCTION old_series_months(of_series regclass, before timestamptz) RETURNS TABLE (month_table regclass, month_begin timestamptz, month_end timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    series record;
    bound timestamptz := date_trunc('month', least(before, now()) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
BEGIN
    SELECT * INTO STRICT series FROM public.series_tables() s WHERE s.series_table = of_series;
    RETURN QUERY SELECT * FROM public.series_months(of_series) m WHERE m.month_end <= bound;
    -- A producer may send rows of any month.
    RETURN QUERY EXECUTE format('SELECT $2, d.month AT TIME ZONE ''UTC'', (d.month + interval ''1 month'') AT TIME ZONE ''UTC''
        FROM (SELECT DISTINCT date_trunc(''month'', t."timestamp" AT TIME ZONE ''UTC'') AS month FROM %s AS t WHERE t."timestamp" < $1 ORDER BY 1 LIMIT 1000) AS d',
        series.default_table) USING bound, series.default_table;
END
$$;
COMMENT ON FUNCTION old_series_months(regclass, timestamptz) IS 'Returns the months of a series that ended before an instant and have rows: months with a table, and at most 1,000 months with rows in the default partition.';

CREATE FUNCTION series_days(of_series regclass, from_time timestamptz, to_time timestamptz) RETURNS TABLE (day date)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    series record;
BEGIN
    SELECT * INTO STRICT series FROM public.series_tables() s WHERE s.series_table = of_series;
    RETURN QUERY EXECUTE format('SELECT DISTINCT (t."timestamp" AT TIME ZONE ''UTC'')::date FROM %s AS t WHERE t."timestamp" >= $1 AND t."timestamp" < $2', of_series) USING from_time, to_time;
    -- A change that came after the statement began has a row here before it is committed.
    RETURN QUERY SELECT c.day FROM public.day_changes c WHERE c.model = series.model
        AND c.day >= (from_time AT TIME ZONE 'UTC')::date AND c.day < (to_time AT TIME ZONE 'UTC')::date
        AND NOT EXISTS (SELECT FROM public.series_removals r WHERE r.model = c.model AND c.day >= (r.from_time AT TIME ZONE 'UTC')::date
            AND c.day < (r.to_time AT TIME ZONE 'UTC')::date);
END
$$;
COMMENT ON FUNCTION series_days(regclass, timestamptz, timestamptz) IS 'Returns the days of a series between two instants that have rows, or a change that is not dumped.';

CREATE FUNCTION drop_series_month(of_series regclass, month_of timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    begins timestamptz := date_trunc('month', month_of AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    ends timestamptz := (date_trunc('month', month_of AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    series record;
    dropped regclass;
    removed bigint;
BEGIN
    SELECT * INTO STRICT series FROM public.series_tables() s WHERE s.series_table = of_series;
    IF ends > now() THEN
        RAISE EXCEPTION 'the month of % is not over', month_of;
    END IF;
    SELECT m.month_table INTO dropped FROM public.series_months(of_series) m WHERE m.month_begin = begins;
    IF dropped IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s', dropped) INTO removed;
    ELSE
        EXECUTE format('DELETE FROM %s WHERE "timestamp" >= $1 AND "timestamp" < $2', series.default_table) USING begins, ends;
        GET DIAGNOSTICS removed = ROW_COUNT;
    END IF;
    -- The month may have been removed before, and a day of it loaded back.
    DELETE FROM public.series_removals r WHERE r.model = series.model AND r.from_time < ends AND r.to_time > begins;
    INSERT INTO public.series_removals (model, month_table, from_time, to_time, records)
    SELECT series.model, c.relname, begins, ends, removed FROM pg_catalog.pg_class c WHERE c.oid = coalesce(dropped, series.default_table);
    DELETE FROM public.day_changes c
    WHERE c.model = series.model AND c.day >= (begins AT TIME ZONE 'UTC')::date AND c.day < (ends AT TIME ZONE 'UTC')::date;
    IF dropped IS NOT NULL THEN
        EXECUTE format('DROP TABLE %s', dropped);
    END IF;
    EXECUTE format('CREATE OR REPLACE TRIGGER refuse_removed_rows BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION public.refuse_removed_rows(%L)',
        series.default_table, series.model);
    RETURN removed;
END
$$;
COMMENT ON FUNCTION drop_series_month(regclass, timestamptz) IS 'Removes one month of a series and stores it in series_removals. Returns the number of its rows. Called by weir retention.';

CREATE FUNCTION reopen_series_day(of_series regclass, from_time timestamptz, to_time timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    removal record;
BEGIN
    FOR removal IN
        DELETE FROM public.series_removals r USING public.series_tables() s
        WHERE s.series_table = of_series AND r.model = s.model AND r.from_time < reopen_series_day.to_time AND r.to_time > reopen_series_day.from_time
        RETURNING r.*
    LOOP
        INSERT INTO public.series_removals (model, month_table, from_time, to_time, records, removed_at)
        SELECT removal.model, removal.month_table, p.begins, p.ends, removal.records, removal.removed_at
        FROM (VALUES (removal.from_time, reopen_series_day.from_time), (reopen_series_day.to_time, removal.to_time)) AS p (begins, ends)
        WHERE p.begins < p.ends;
    END LOOP;
END
$$;
COMMENT ON FUNCTION reopen_series_day(regclass, timestamptz, timestamptz) IS 'Allows rows of a day that retention removed. The rest of the month stays removed, so these rows are in the default partition. Called by weir restore.';

CREATE FUNCTION series_sizes(of_series regclass) RETURNS TABLE (month_table text, month_begin timestamptz, month_end timestamptz, bytes bigint,
    records bigint, first_time timestamptz, last_time timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    series record;
BEGIN
    SELECT * INTO STRICT series FROM public.series_tables() s WHERE s.series_table = of_series;
    RETURN QUERY SELECT c.relname::text, m.month_begin, m.month_end, pg_total_relation_size(c.oid), NULL::bigint, NULL::timestamptz, NULL::timestamptz
        FROM public.series_months(of_series) m JOIN pg_catalog.pg_class c ON c.oid = m.month_table ORDER BY 2;
    RETURN QUERY EXECUTE format('SELECT c.relname::text, NULL::timestamptz, NULL::timestamptz, pg_total_relation_size(c.oid), r.records, r.first, r.last
        FROM pg_catalog.pg_class c CROSS JOIN (SELECT count(*) AS records, min(t."timestamp") AS first, max(t."timestamp") AS last FROM %s AS t) AS r WHERE c.oid = $1',
        series.default_table) USING series.default_table;
END
$$;
COMMENT ON FUNCTION series_sizes(regclass) IS 'Returns the tables of a series with their sizes: the months, the oldest first, then the default partition with the number of its rows and their first and last time.';

ALTER TABLE readings RENAME TO old_readings;
ALTER TABLE cdevents RENAME TO old_cdevents;
DO $$
DECLARE
    index_name text;
BEGIN
    FOR index_name IN SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid IN ('old_readings'::regclass, 'old_cdevents'::regclass)
    LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', index_name, 'old_' || index_name);
    END LOOP;
END
$$;

CREATE TABLE readings (
    sensor text NOT NULL,
    "timestamp" timestamptz NOT NULL,
    value double precision NOT NULL,
    record_timestamp_ms bigint NOT NULL,
    stream integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    PRIMARY KEY (sensor, "timestamp")
) PARTITION BY RANGE ("timestamp");

CREATE TABLE cdevents (
    id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    "timestamp" timestamptz NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    subject text COLLATE "C" NOT NULL,
    predicate text COLLATE "C" NOT NULL,
    version text NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    subject_source text,
    chain_id text COLLATE "C",
    problems text,
    payload jsonb NOT NULL,
    checksum bytea NOT NULL,
    record_timestamp_ms bigint NOT NULL,
    stream integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    -- It is the order of the list by time, too.
    PRIMARY KEY ("timestamp", id, source, type)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX cdevents_of_subject ON cdevents (subject_id, subject, "timestamp");
CREATE INDEX cdevents_of_chain ON cdevents (chain_id, "timestamp") WHERE chain_id IS NOT NULL;
CREATE INDEX cdevents_publications ON cdevents (subject_id, "timestamp") WHERE subject = 'artifact' AND predicate = 'published';

CREATE TABLE cdevents_identities (
    id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    "timestamp" timestamptz NOT NULL,
    PRIMARY KEY (id, source, type)
);
COMMENT ON TABLE cdevents_identities IS 'The identity of each row of cdevents, unique across all months. A transaction that writes rows of cdevents writes or locks their identities first.';
COMMENT ON COLUMN cdevents_identities.id IS 'The id, as in cdevents.';
COMMENT ON COLUMN cdevents_identities.source IS 'The source, as in cdevents.';
COMMENT ON COLUMN cdevents_identities.type IS 'The type, as in cdevents.';
COMMENT ON COLUMN cdevents_identities."timestamp" IS 'The time of the row in cdevents. A row that retention removed leaves its identity until the command or the daily job deletes it.';

-- The comments stay the same.
DO $$
DECLARE
    table_name text;
    shown record;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['readings', 'cdevents'] LOOP
        EXECUTE format('COMMENT ON TABLE %I IS %L', table_name, obj_description(('old_' || table_name)::regclass, 'pg_class'));
        FOR shown IN
            SELECT a.attname AS name, col_description(a.attrelid, a.attnum) AS text
            FROM pg_attribute a WHERE a.attrelid = ('old_' || table_name)::regclass AND a.attnum > 0 AND NOT a.attisdropped
        LOOP
            EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', table_name, shown.name, shown.text);
        END LOOP;
    END LOOP;
END
$$;

SELECT make_series('readings', 'readings');
SELECT make_series('cdevents', 'cdevents');

SELECT make_series_month(w.series, w.month AT TIME ZONE 'UTC')
FROM (
    SELECT 'readings'::regclass AS series, date_trunc('month', r."timestamp" AT TIME ZONE 'UTC') AS month FROM old_readings r
    UNION
    SELECT 'cdevents'::regclass, date_trunc('month', c."timestamp" AT TIME ZONE 'UTC') FROM old_cdevents c
) AS w
WHERE w.month BETWEEN date_trunc('month', now() AT TIME ZONE 'UTC') - interval '60 months' AND date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month'
ORDER BY w.series, w.month;

INSERT INTO readings SELECT * FROM old_readings;
INSERT INTO cdevents SELECT * FROM old_cdevents;
INSERT INTO cdevents_identities (id, source, type, "timestamp")
SELECT c.id, c.source, c.type, c."timestamp" FROM old_cdevents c ORDER BY c.id, c.source, c.type;

CREATE OR REPLACE VIEW api.readings AS SELECT sensor, "timestamp", value FROM public.readings;
CREATE OR REPLACE VIEW api.cdevents AS
SELECT id, source, type, "timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload
FROM public.cdevents;

-- The views of subjects show the payload of the latest event. The identity says in which month it
-- is. The planner does not know that a look-up reads only this month and would read all months
-- instead, so LIMIT keeps it from joining the tables as a whole.
DO $$
DECLARE
    shown record;
    changed text;
BEGIN
    FOR shown IN
        SELECT DISTINCT c.relname AS name, pg_get_viewdef(c.oid, true) AS text
        FROM pg_depend d
        JOIN pg_rewrite r ON r.oid = d.objid
        JOIN pg_class c ON c.oid = r.ev_class
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = 'old_cdevents'::regclass
    LOOP
        changed := regexp_replace(shown.text,
            'LEFT JOIN (public\.)?old_cdevents c ON c\.id = \(s\.last\)\.id AND c\.source = \(s\.last\)\.source AND c\.type = \(s\.last\)\.type',
            'LEFT JOIN LATERAL (
                SELECT k.payload
                FROM public.cdevents_identities i
                JOIN public.cdevents k ON k."timestamp" = i."timestamp" AND k.id = i.id AND k.source = i.source AND k.type = i.type
                WHERE i.id = (s.last).id AND i.source = (s.last).source AND i.type = (s.last).type
                LIMIT 1
            ) AS c ON true');
        EXECUTE format('CREATE OR REPLACE VIEW api.%I AS %s', shown.name, changed);
    END LOOP;
END
$$;

DROP TABLE old_readings;
DROP TABLE old_cdevents;

-- Only the owner of the tables may call these functions.
REVOKE EXECUTE ON FUNCTION make_series(regclass, text), make_series_month(regclass, timestamptz), drop_series_month(regclass, timestamptz),
    reopen_series_day(regclass, timestamptz, timestamptz), missing_series_months(integer), old_series_months(regclass, timestamptz),
    series_days(regclass, timestamptz, timestamptz), series_months(regclass), series_sizes(regclass), series_tables() FROM PUBLIC;
