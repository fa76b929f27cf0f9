-- grant_statements
-- Rights on the core's tables are listed; every other table is a projection or a plugin's table.
-- GRANT accepts no parameters, so
-- PostgreSQL builds the statements and quotes the names.
WITH listed (role, name, rights) AS (VALUES
    ('weir_ingest', 'streams', 'SELECT, INSERT'),
    ('weir_ingest', 'stream_partitions', 'SELECT, INSERT, UPDATE'),
    ('weir_ingest', 'stream_gaps', 'SELECT, INSERT, DELETE'),
    ('weir_ingest', 'events', 'SELECT'),
    ('weir_ingest', 'event_records', 'SELECT, INSERT'),
    ('weir_ingest', 'packed_events', 'SELECT, INSERT'),
    ('weir_ingest', 'event_values', 'SELECT'),
    ('weir_ingest', 'event_places', 'SELECT'),
    ('weir_ingest', 'event_types', 'SELECT, INSERT'),
    ('weir_ingest', 'event_contents', 'SELECT, INSERT'),
    ('weir_ingest', 'failures', 'SELECT, INSERT'),
    -- The triggers of failures run in the role that changes them.
    ('weir_ingest', 'failure_counts', 'SELECT, INSERT, UPDATE'),
    ('weir_ingest', 'day_changes', 'SELECT, INSERT'),
    ('weir_ingest', 'event_removals', 'SELECT'),
    -- A retry needs the rights of ingest, and more: it deletes a failure, or turns a skipped record
    -- into an event.
    ('weir_api', 'streams', 'SELECT, INSERT'),
    ('weir_api', 'stream_partitions', 'SELECT, INSERT, UPDATE'),
    ('weir_api', 'stream_gaps', 'SELECT, INSERT, DELETE'),
    ('weir_api', 'events', 'SELECT'),
    ('weir_api', 'event_records', 'SELECT, INSERT, UPDATE (reason, entity_id, event_time, timestamp_ms, type_id, event_type, event_version, problems)'),
    ('weir_api', 'packed_events', 'SELECT'),
    ('weir_api', 'event_values', 'SELECT'),
    ('weir_api', 'event_places', 'SELECT'),
    ('weir_api', 'event_types', 'SELECT'),
    ('weir_api', 'event_contents', 'SELECT, INSERT, DELETE'),
    ('weir_api', 'failures', 'SELECT, INSERT, UPDATE, DELETE'),
    ('weir_api', 'failure_counts', 'SELECT, INSERT, UPDATE'),
    ('weir_api', 'day_changes', 'SELECT, INSERT'),
    ('weir_api', 'event_removals', 'SELECT'),
    ('weir_api', 'archived_files', 'SELECT'),
    ('weir_api', 'archived_ranges', 'SELECT'),
    ('weir_api', 'dumps', 'SELECT'),
    ('weir_dump', 'streams', 'SELECT'),
    -- Retention takes the same locks as ingest, and a lock needs the right to update a column.
    ('weir_dump', 'stream_partitions', 'SELECT, UPDATE (updated_at)'),
    ('weir_dump', 'stream_gaps', 'SELECT'),
    ('weir_dump', 'events', 'SELECT'),
    ('weir_dump', 'event_records', 'SELECT'),
    ('weir_dump', 'packed_events', 'SELECT'),
    ('weir_dump', 'event_values', 'SELECT'),
    ('weir_dump', 'event_places', 'SELECT'),
    ('weir_dump', 'packing', 'SELECT, INSERT, UPDATE'),
    ('weir_dump', 'event_types', 'SELECT'),
    ('weir_dump', 'event_contents', 'SELECT, DELETE'),
    ('weir_dump', 'failures', 'SELECT'),
    ('weir_dump', 'failure_counts', 'SELECT'),
    ('weir_dump', 'day_changes', 'SELECT, INSERT, DELETE'),
    ('weir_dump', 'event_removals', 'SELECT, INSERT'),
    ('weir_dump', 'archived_files', 'SELECT, INSERT'),
    ('weir_dump', 'archived_ranges', 'SELECT, INSERT'),
    ('weir_dump', 'removed_days', 'SELECT'),
    ('weir_dump', 'dumps', 'SELECT, INSERT, UPDATE'),
    ('weir_dump', 'dump_locks', 'SELECT, INSERT, UPDATE'),
    ('weir_ingest', 'series', 'SELECT'),
    ('weir_api', 'series', 'SELECT'),
    ('weir_dump', 'series', 'SELECT'),
    ('weir_ingest', 'series_removals', 'SELECT'),
    ('weir_api', 'series_removals', 'SELECT'),
    ('weir_dump', 'series_removals', 'SELECT'),
    ('weir_ingest', 'cdevents_identities', 'SELECT, INSERT, UPDATE'),
    ('weir_api', 'cdevents_identities', 'SELECT, INSERT, UPDATE'),
    -- Retention deletes the identities of removed rows.
    ('weir_dump', 'cdevents_identities', 'SELECT, DELETE'),
    ('weir_ingest', 'settings', 'SELECT'),
    ('weir_api', 'settings', 'SELECT'),
    ('weir_dump', 'settings', 'SELECT'),
    -- weir_operator runs the commands of people: it has the rights of all functions, and more. It
    -- cannot delete events, streams, settings, or rows of the audit table.
    ('weir_operator', 'event_records', 'SELECT, INSERT, UPDATE'),
    ('weir_operator', 'packed_events', 'SELECT, INSERT'),
    ('weir_operator', 'event_types', 'SELECT, INSERT'),
    ('weir_operator', 'streams', 'SELECT, INSERT, UPDATE (topic_id)'),
    -- A change of the settings locks the table, which needs the right to update it.
    ('weir_operator', 'settings', 'SELECT, INSERT, UPDATE'),
    ('weir_operator', 'audit', 'SELECT, INSERT, UPDATE (request_id, active_at, parts, progress, ended_at, exit_status, outcome)')
), owner AS (
    SELECT c.relowner AS oid FROM pg_class c WHERE c.oid = 'public.schema_history'::regclass
), schemas AS (
    SELECT n.oid, n.nspname AS name FROM pg_namespace n
    WHERE n.nspname = 'public' OR n.nspowner = (SELECT o.oid FROM owner o) AND n.nspname NOT LIKE 'pg\_%'
), tables AS (
    SELECT s.name AS schema, c.relname AS name, c.relkind AS kind
    FROM pg_class c
    JOIN schemas s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND c.relowner = (SELECT o.oid FROM owner o)
), granted (role, schema, name, rights) AS (
    SELECT l.role, t.schema, t.name, l.rights FROM tables t JOIN listed l ON t.schema = 'public' AND l.name = t.name
    UNION ALL
    SELECT f.role, t.schema, t.name, CASE
        WHEN t.kind IN ('v', 'm') OR t.name IN ('schema_history', 'migration_lock') THEN 'SELECT'
        WHEN f.role = 'weir_dump' THEN 'SELECT'
        WHEN t.schema = 'public' THEN 'SELECT, INSERT, UPDATE'
        ELSE 'SELECT, INSERT, UPDATE, DELETE' END
    FROM tables t
    CROSS JOIN unnest(ARRAY['weir_ingest', 'weir_api', 'weir_dump']) AS f (role)
    WHERE (t.schema <> 'public' OR NOT EXISTS (SELECT FROM listed l WHERE l.name = t.name))
        -- The schema api is for readers; the API is one of them.
        AND (t.schema <> 'api' OR f.role = 'weir_api')
    UNION ALL
    SELECT 'weir_operator', t.schema, t.name, CASE
        WHEN t.kind IN ('v', 'm') OR t.name IN ('schema_history', 'migration_lock') THEN 'SELECT'
        ELSE 'SELECT, INSERT, UPDATE, DELETE' END
    FROM tables t
    WHERE t.schema <> 'public' OR NOT EXISTS (SELECT FROM listed l WHERE l.role = 'weir_operator' AND l.name = t.name)
)
SELECT concat_ws(E';\n',
    (SELECT string_agg(format('GRANT USAGE ON SCHEMA %I TO %s', s.name,
        CASE s.name WHEN 'api' THEN 'weir_api, weir_operator' ELSE 'weir_ingest, weir_api, weir_dump, weir_operator' END), E';\n') FROM schemas s),
    (SELECT string_agg(format('REVOKE ALL ON %I.%I FROM PUBLIC, weir_ingest, weir_api, weir_dump, weir_operator', t.schema, t.name), E';\n') FROM tables t),
    (SELECT string_agg(format('GRANT %s ON %I.%I TO %I', g.rights, g.schema, g.name, g.role), E';\n') FROM granted g),
    (SELECT string_agg(format('GRANT USAGE ON SEQUENCE %1$I.%2$I TO weir_ingest, weir_api; GRANT ALL ON SEQUENCE %1$I.%2$I TO weir_operator', s.name, c.relname), E';\n')
        FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace WHERE c.relkind = 'S' AND c.relowner = (SELECT o.oid FROM owner o)),
    -- Months are tables, and only their owner can create and drop them. Only a member of a role can
    -- end its sessions. So dump does both
    -- through these functions, which do nothing else.
    (SELECT string_agg(format(
        'ALTER FUNCTION %1$s SECURITY DEFINER SET search_path = public, pg_temp; REVOKE ALL ON FUNCTION %1$s FROM PUBLIC, weir_ingest, weir_api; GRANT EXECUTE ON FUNCTION %1$s TO weir_dump, weir_operator',
        p.oid::regprocedure), E';\n')
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN ('make_event_months', 'drop_event_month', 'end_long_readers', 'pack_events',
                'series_tables', 'series_months', 'make_series_month', 'missing_series_months', 'old_series_months', 'series_days', 'drop_series_month',
                'series_sizes')
            AND p.proowner = (SELECT o.oid FROM owner o)),
    -- A packed row never changes, and a retry must change one record of it.
    (SELECT string_agg(format(
        'ALTER FUNCTION %1$s SECURITY DEFINER SET search_path = public, pg_temp; REVOKE ALL ON FUNCTION %1$s FROM PUBLIC, weir_ingest, weir_dump; GRANT EXECUTE ON FUNCTION %1$s TO weir_api, weir_operator',
        p.oid::regprocedure), E';\n')
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname = 'unpack_events' AND p.proowner = (SELECT o.oid FROM owner o)),
    'GRANT EXECUTE ON FUNCTION public.event_months() TO weir_api, weir_dump, weir_operator',
    (SELECT string_agg(format('GRANT EXECUTE ON FUNCTION %s TO weir_operator', p.oid::regprocedure), E';\n')
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname = 'reopen_series_day' AND p.proowner = (SELECT o.oid FROM owner o))) AS statements
