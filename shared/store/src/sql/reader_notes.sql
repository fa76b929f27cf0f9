-- reader_notes
-- Returns the problems of weir_reader that this user could not fix, each with the statement that a
-- user with more rights must run.
WITH reader AS (SELECT r.oid FROM pg_roles r WHERE r.rolname = 'weir_reader'),
writers AS (
    SELECT string_agg(format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), ', ' ORDER BY p.proname, p.oid) AS names
    FROM pg_proc p, reader r
    WHERE p.pronamespace = 'pg_catalog'::regnamespace
        AND p.proname IN ('lo_create', 'lo_creat', 'lo_from_bytea', 'lo_import', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lowrite')
        AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
)
SELECT format('the role weir_reader does not exist, and %I may not create it: as a user who may, run `CREATE ROLE weir_reader NOLOGIN`, then run `weir migrate` again',
    current_user) AS note
WHERE NOT EXISTS (SELECT FROM reader)
UNION ALL
SELECT 'weir_reader may not read the schema api: as its owner, run `SELECT public.open_api()`'
FROM reader r WHERE to_regnamespace('api') IS NOT NULL AND NOT has_schema_privilege(r.oid, 'api', 'USAGE')
UNION ALL
SELECT 'the limits of weir_reader are wrong: as a user who may change them, run `ALTER ROLE weir_reader RESET ALL; ALTER ROLE weir_reader SET statement_timeout = ''30s''; ALTER ROLE weir_reader SET idle_in_transaction_session_timeout = ''60s''; ALTER ROLE weir_reader SET default_transaction_read_only = on; ALTER ROLE weir_reader SET search_path = api`'
FROM reader r WHERE 4 > (SELECT count(*) FROM pg_db_role_setting s, unnest(s.setconfig) AS c
    WHERE s.setrole = r.oid AND s.setdatabase = 0 AND c IN ('default_transaction_read_only=on', 'idle_in_transaction_session_timeout=60s',
        'search_path=api', 'statement_timeout=30s'))
UNION ALL
SELECT format('weir_reader can fill the disk with temporary tables: as the owner of the database, run `REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC`',
    current_database())
FROM reader r WHERE has_database_privilege(r.oid, current_database(), 'TEMPORARY')
UNION ALL
SELECT format('weir_reader can fill the disk with large objects: as a superuser, run `REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC`', w.names)
FROM writers w WHERE w.names IS NOT NULL
