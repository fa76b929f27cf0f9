-- reader_role
-- Creates or repairs the role weir_reader. Steps that the current user may not run are left out.
-- The statement reader_notes reports them.
-- Settings that are correct already are not written again: a migration of another database on the
-- same server may run this statement at the same time, and two writes of one role conflict.
DO $$
DECLARE
    limits CONSTANT text[] := ARRAY['default_transaction_read_only=on', 'idle_in_transaction_session_timeout=60s', 'search_path=api',
        'statement_timeout=30s'];
    reader oid;
    writer record;
BEGIN
    IF to_regrole('weir_reader') IS NULL THEN
        BEGIN
            CREATE ROLE weir_reader NOLOGIN;
            COMMENT ON ROLE weir_reader IS 'May read Weir''s schema api and nothing else. To allow a login, run ALTER ROLE weir_reader LOGIN PASSWORD ….';
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege OR internal_error THEN NULL;
        END;
    END IF;
    reader := to_regrole('weir_reader');
    IF reader IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        -- weir_reader itself can change its settings for this database. They would override the
        -- settings below, so they are removed.
        IF EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
                WHERE s.setrole = reader AND d.datname = current_database()) THEN
            EXECUTE format('ALTER ROLE weir_reader IN DATABASE %I RESET ALL', current_database());
        END IF;
        IF limits IS DISTINCT FROM (SELECT array_agg(c ORDER BY c) FROM pg_db_role_setting s, unnest(s.setconfig) AS c
                WHERE s.setrole = reader AND s.setdatabase = 0 AND c NOT LIKE 'temp\_file\_limit=%') THEN
            ALTER ROLE weir_reader RESET ALL;
            ALTER ROLE weir_reader SET statement_timeout = '30s';
            ALTER ROLE weir_reader SET idle_in_transaction_session_timeout = '60s';
            ALTER ROLE weir_reader SET default_transaction_read_only = on;
            ALTER ROLE weir_reader SET search_path = api;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR internal_error THEN NULL;
    END;
    BEGIN
        -- Limits the temporary files of sorts and joins. Only a superuser can change this setting,
        -- so a session of weir_reader cannot.
        IF NOT EXISTS (SELECT FROM pg_db_role_setting s, unnest(s.setconfig) AS c
                WHERE s.setrole = reader AND s.setdatabase = 0 AND c = 'temp_file_limit=2GB') THEN
            ALTER ROLE weir_reader SET temp_file_limit = '2GB';
        END IF;
    EXCEPTION WHEN insufficient_privilege OR internal_error THEN NULL;
    END;
    BEGIN
        -- A user with the rights of this role can see and end its sessions.
        IF NOT pg_has_role(current_user, reader, 'USAGE') THEN
            EXECUTE format('GRANT weir_reader TO %I', current_user);
        END IF;
    EXCEPTION WHEN insufficient_privilege OR unique_violation OR internal_error THEN NULL;
    END;
    BEGIN
        IF has_database_privilege(reader, current_database(), 'TEMPORARY') THEN
            EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, weir_reader', current_database());
        END IF;
    EXCEPTION WHEN insufficient_privilege OR internal_error THEN NULL;
    END;
    FOR writer IN
        SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace
            AND p.proname IN ('lo_create', 'lo_creat', 'lo_from_bytea', 'lo_import', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lowrite')
            AND has_function_privilege(reader, p.oid, 'EXECUTE') AND pg_has_role(current_user, p.proowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION pg_catalog.%I(%s) FROM PUBLIC, weir_reader', writer.proname, writer.arguments);
    END LOOP;
END
$$
