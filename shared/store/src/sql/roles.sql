-- roles
-- Another database of this server may create the roles at the same time.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['weir_owner', 'weir_ingest', 'weir_api', 'weir_dump', 'weir_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I %s', role_name, CASE role_name WHEN 'weir_owner' THEN 'NOLOGIN' ELSE 'LOGIN' END);
                EXECUTE format('COMMENT ON ROLE %I IS %L', role_name, CASE role_name
                    WHEN 'weir_owner' THEN 'Owns the objects that Weir''s migrations create. It cannot log in.'
                    ELSE 'The rights of a function of Weir. migrate grants them.' END);
            EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL;
            END;
        END IF;
    END LOOP;
    BEGIN
        -- Direct sessions of the API set these values themselves. Behind a pooler they must come
        -- from the role.
        ALTER ROLE weir_api SET TimeZone = 'UTC';
        ALTER ROLE weir_api SET statement_timeout = '25s';
        ALTER ROLE weir_api SET lock_timeout = '10s';
        ALTER ROLE weir_api SET idle_in_transaction_session_timeout = '25s';
    EXCEPTION WHEN insufficient_privilege OR internal_error THEN NULL;
    END;
    BEGIN
        -- From version 16 on, the creator of a role cannot act as it without this grant.
        EXECUTE format('GRANT weir_owner TO %I', current_user);
    EXCEPTION WHEN unique_violation OR internal_error THEN NULL;
    END;
    BEGIN
        -- A user with the rights of a role can end its sessions.
        IF to_regrole('weir_reader') IS NOT NULL THEN
            GRANT weir_reader TO weir_owner;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR unique_violation OR internal_error THEN NULL;
    END;
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO weir_owner', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO weir_ingest, weir_api, weir_dump, weir_operator', current_database());
    -- weir restore loads some files through a temporary table.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO weir_operator', current_database());
    GRANT USAGE, CREATE ON SCHEMA public TO weir_owner WITH GRANT OPTION;
    -- Before version 15, PUBLIC may create tables in this schema.
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
END
$$
