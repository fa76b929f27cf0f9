-- The schema api: what dashboards and people may read, as views and functions, each commented. Everything else is closed to
-- them, so that tables can change behind it.

CREATE SCHEMA api;
COMMENT ON SCHEMA api IS 'Weir''s SQL interface: views and functions to read.';

CREATE VIEW api.events AS
SELECT s.topic, s.group_id, s.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason,
    encode(e.key, 'escape') AS key, e.entity_id, e.event_type, e.event_version, e.payload
FROM public.events e
JOIN public.streams s ON s.id = e.stream;
COMMENT ON VIEW api.events IS 'The log: every record that was stored, skipped ones too.';
COMMENT ON COLUMN api.events.topic IS 'Kafka topic.';
COMMENT ON COLUMN api.events.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN api.events.epoch IS 'How often the topic was made anew before.';
COMMENT ON COLUMN api.events.partition IS 'Kafka partition.';
COMMENT ON COLUMN api.events."offset" IS 'Kafka offset.';
COMMENT ON COLUMN api.events.arrived_at IS 'When it was stored.';
COMMENT ON COLUMN api.events.event_time IS 'When it happened.';
COMMENT ON COLUMN api.events.outcome IS 'event, or skipped: logged but not projected.';
COMMENT ON COLUMN api.events.reason IS 'Why it was skipped.';
COMMENT ON COLUMN api.events.key IS 'Record key, bytes that are no ASCII escaped.';
COMMENT ON COLUMN api.events.entity_id IS 'Which thing it is about.';
COMMENT ON COLUMN api.events.event_type IS 'What happened.';
COMMENT ON COLUMN api.events.event_version IS 'Version of its shape.';
COMMENT ON COLUMN api.events.payload IS 'The value; null for a null value, and for the odd one that PostgreSQL''s jsonb refuses.';

CREATE VIEW api.failures AS
SELECT s.topic, s.group_id, s.epoch, f.partition, f."offset", f.created_at, f.event_time, f.error_class, f.error_message, f.attempts,
    f.last_attempt_at, f.discarded_at, f.entity_id, f.event_type, f.event_version
FROM public.failures f
JOIN public.streams s ON s.id = f.stream;
COMMENT ON VIEW api.failures IS 'Records that could not be stored as events, without their bytes.';
COMMENT ON COLUMN api.failures.topic IS 'Kafka topic.';
COMMENT ON COLUMN api.failures.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN api.failures.epoch IS 'How often the topic was made anew before.';
COMMENT ON COLUMN api.failures.partition IS 'Kafka partition.';
COMMENT ON COLUMN api.failures."offset" IS 'Kafka offset.';
COMMENT ON COLUMN api.failures.created_at IS 'When it arrived.';
COMMENT ON COLUMN api.failures.event_time IS 'When it happened, where decoding got that far.';
COMMENT ON COLUMN api.failures.error_class IS 'The kind of fault, for grouping.';
COMMENT ON COLUMN api.failures.error_message IS 'One line for a person.';
COMMENT ON COLUMN api.failures.attempts IS 'How often it was tried.';
COMMENT ON COLUMN api.failures.last_attempt_at IS 'When it was last tried.';
COMMENT ON COLUMN api.failures.discarded_at IS 'When a person gave it up.';
COMMENT ON COLUMN api.failures.entity_id IS 'Which thing it is about, where decoding got that far.';
COMMENT ON COLUMN api.failures.event_type IS 'What happened, likewise.';
COMMENT ON COLUMN api.failures.event_version IS 'Version of its shape, likewise.';

CREATE VIEW api.cdevents AS
SELECT id, source, type, "timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload
FROM public.cdevents;

CREATE VIEW api.subjects AS
SELECT s.kind, s.id, s.first_seen, (s.last).at AS last_at, (s.outcome).value AS outcome,
    jsonb_strip_nulls(jsonb_build_object(
        'abandoned', s.abandoned_at, 'closed', s.closed_at, 'created', s.created_at, 'deleted', s.deleted_at, 'deployed', s.deployed_at,
        'detected', s.detected_at, 'downloaded', s.downloaded_at, 'finished', s.finished_at, 'merged', s.merged_at,
        'modified', s.modified_at, 'packaged', s.packaged_at, 'published', s.published_at, 'queued', s.queued_at,
        'removed', s.removed_at, 'reported', s.reported_at, 'resolved', s.resolved_at, 'reviewed', s.reviewed_at,
        'rolledback', s.rolledback_at, 'signed', s.signed_at, 'skipped', s.skipped_at, 'started', s.started_at,
        'updated', s.updated_at, 'upgraded', s.upgraded_at)) || coalesce(s.others, '{}') AS predicates,
    (s.properties).value::jsonb AS properties, c.payload
FROM public.cdevents_subjects s
LEFT JOIN public.cdevents c ON c.id = (s.last).id AND c.source = (s.last).source AND c.type = (s.last).type;
COMMENT ON VIEW api.subjects IS 'One row for each thing that an event is about or names, whatever its kind.';
COMMENT ON COLUMN api.subjects.kind IS 'What it is: service, pipelinerun, environment ….';
COMMENT ON COLUMN api.subjects.id IS 'Its id.';
COMMENT ON COLUMN api.subjects.first_seen IS 'The earliest instant at which an event was about it or named it.';
COMMENT ON COLUMN api.subjects.last_at IS 'When the latest event about it happened; null while it was only named.';
COMMENT ON COLUMN api.subjects.outcome IS 'The outcome that the latest event with one says.';
COMMENT ON COLUMN api.subjects.predicates IS 'What happened to it, and when last: an object of instants.';
COMMENT ON COLUMN api.subjects.properties IS 'What the latest event that names it says of it beside its id.';
COMMENT ON COLUMN api.subjects.payload IS 'The latest event about it.';

-- What tables and views have in common is said with the same words.
DO $$
DECLARE
    view_name text;
    column_name text;
BEGIN
    EXECUTE 'CREATE VIEW api.builds AS SELECT id, project_id, request_id, branch_name, branch_url, commit_ref, commit_url, pr_name, pr_number,
        pr_description, pr_url, bytes_real, bytes_virtual, config, pinned, reaped, reaped_reason, reaped_reason_text, reaped_date,
        status_build, status_submitted, steps, time_started, time_updated FROM public.builds';
    EXECUTE 'CREATE VIEW api.readings AS SELECT sensor, "timestamp", value FROM public.readings';
    FOREACH view_name IN ARRAY ARRAY['builds', 'readings', 'cdevents'] LOOP
        EXECUTE format('COMMENT ON VIEW api.%I IS %L', view_name,
            obj_description(format('public.%I', view_name)::regclass, 'pg_class'));
        FOR column_name IN SELECT attname FROM pg_attribute WHERE attrelid = format('api.%I', view_name)::regclass AND attnum > 0 LOOP
            EXECUTE format('COMMENT ON COLUMN api.%I.%I IS %L', view_name, column_name, (
                SELECT col_description(a.attrelid, a.attnum) FROM pg_attribute a
                WHERE a.attrelid = format('public.%I', view_name)::regclass AND a.attname = column_name));
        END LOOP;
    END LOOP;
END
$$;

-- One view for each kind of thing. A part is column|path into the latest event's content|comment.
DO $$
DECLARE
    what record;
    part text[];
    columns text;
    predicate text;
BEGIN
    FOR what IN
        SELECT * FROM (VALUES
            ('approval', '{created,updated,closed}', false, '{}'),
            ('artifact', '{packaged,signed,published,downloaded,deleted}', false, '{}'),
            ('branch', '{created,deleted}', false, '{repository_id|repository,id|The repository that it is in.}'),
            ('build', '{queued,started,finished}', false, '{artifact_id|artifactId|What it made.}'),
            ('change', '{created,reviewed,updated,merged,abandoned}', false,
                '{repository_id|repository,id|The repository that it changes.|,description|description|What it is about.}'),
            ('environment', '{created,modified,deleted}', false, '{name|name|Its name.|,uri|uri|Its page.}'),
            ('incident', '{detected,reported,resolved}', false,
                '{description|description|What is wrong.|,environment_id|environment,id|Where.|,service_id|service,id|With what.|,artifact_id|artifactId|With which version of it.}'),
            ('pipelinerun', '{queued,started,finished}', true,
                '{name|pipelineName|Name of the pipeline.|,uri|uri|Its page.|,errors|errors|What went wrong.}'),
            ('repository', '{created,modified,deleted}', false, '{name|name|Its name.|,owner|owner|Its owner.|,uri|uri|Its address.}'),
            ('service', '{deployed,upgraded,rolledback,removed,published}', false,
                '{environment_id|environment,id|Where the latest event happened to it.|,artifact_id|artifactId|The artifact that the latest event names.}'),
            ('taskrun', '{started,finished}', true,
                '{name|taskName|Name of the task.|,pipelinerun_id|pipelineRun,id|The pipeline run that it is part of.|,uri|uri|Its page.|,errors|errors|What went wrong.}'),
            ('testcaserun', '{queued,started,finished,skipped}', true,
                '{testcase_id|testCase,id|The test case that it runs.|,environment_id|environment,id|Where it runs.|,testsuiterun_id|testSuiteRun,id|The run of a suite that it is part of.|,reason|reason|Why it ended so.}'),
            ('testoutput', '{published}', false,
                '{output_type|outputType|What it is.|,format|format|Its media type.|,testcaserun_id|testCaseRun,id|The run that made it.|,uri|uri|Where it is.}'),
            ('testsuiterun', '{queued,started,finished}', true,
                '{testsuite_id|testSuite,id|The test suite that it runs.|,environment_id|environment,id|Where it runs.|,reason|reason|Why it ended so.}'),
            ('ticket', '{created,updated,closed}', false, '{summary|summary|What it is about.|,uri|uri|Its page.|,resolution|resolution|How it ended.}')
        ) AS k (kind, predicates, has_outcome, parts)
    LOOP
        columns := 's.id, s.first_seen, (s.last).at AS last_at';
        FOREACH predicate IN ARRAY what.predicates::text[] LOOP
            columns := columns || format(', s.%I', predicate || '_at');
        END LOOP;
        IF what.has_outcome THEN
            columns := columns || ', (s.outcome).value AS outcome';
        END IF;
        FOR part IN SELECT string_to_array(p, '|') FROM regexp_split_to_table(trim(what.parts, '{}'), '\|,') AS p WHERE p <> '' LOOP
            columns := columns || format(', c.payload #>> %L AS %I', ('{subject,content,' || part[2] || '}'), part[1]);
        END LOOP;
        EXECUTE format('CREATE VIEW api.%I AS SELECT %s, c.payload FROM public.cdevents_subjects s
            LEFT JOIN public.cdevents c ON c.id = (s.last).id AND c.source = (s.last).source AND c.type = (s.last).type
            WHERE s.kind = %L', what.kind, columns, what.kind);
        EXECUTE format('COMMENT ON VIEW api.%I IS %L', what.kind, 'One row for each ' || what.kind || ': its current state. Instants are the latest of their kind.');
        EXECUTE format('COMMENT ON COLUMN api.%I.id IS %L', what.kind, 'Its id.');
        EXECUTE format('COMMENT ON COLUMN api.%I.first_seen IS %L', what.kind, 'The earliest instant at which an event was about it or named it.');
        EXECUTE format('COMMENT ON COLUMN api.%I.last_at IS %L', what.kind, 'When the latest event about it happened; null while it was only named.');
        EXECUTE format('COMMENT ON COLUMN api.%I.payload IS %L', what.kind, 'The latest event about it.');
        FOREACH predicate IN ARRAY what.predicates::text[] LOOP
            EXECUTE format('COMMENT ON COLUMN api.%I.%I IS %L', what.kind, predicate || '_at',
                'When it was last ' || CASE predicate WHEN 'rolledback' THEN 'rolled back' ELSE predicate END || '.');
        END LOOP;
        IF what.has_outcome THEN
            EXECUTE format('COMMENT ON COLUMN api.%I.outcome IS %L', what.kind, 'success, failure, cancel or error; the latest that an event says.');
        END IF;
        FOR part IN SELECT string_to_array(p, '|') FROM regexp_split_to_table(trim(what.parts, '{}'), '\|,') AS p WHERE p <> '' LOOP
            EXECUTE format('COMMENT ON COLUMN api.%I.%I IS %L', what.kind, part[1], part[3]);
        END LOOP;
    END LOOP;
END
$$;

-- The graph, deployments and DORA.
CREATE VIEW api.graph_nodes AS
SELECT kind, id, first_seen, (properties).value::jsonb AS properties FROM public.cdevents_subjects;
COMMENT ON VIEW api.graph_nodes IS 'The things that events are about or name.';
COMMENT ON COLUMN api.graph_nodes.kind IS 'What it is.';
COMMENT ON COLUMN api.graph_nodes.id IS 'Its id.';
COMMENT ON COLUMN api.graph_nodes.first_seen IS 'The earliest instant at which an event was about it or named it.';
COMMENT ON COLUMN api.graph_nodes.properties IS 'What the latest event that names it says of it beside its id.';

CREATE VIEW api.graph_edges AS
SELECT from_kind, from_id, relation, to_kind, to_id, (event).at AS at, (event).id AS event_id, (event).source AS event_source,
    (event).type AS event_type
FROM public.cdevents_edges;
COMMENT ON VIEW api.graph_edges IS 'How things hang together.';
COMMENT ON COLUMN api.graph_edges.from_kind IS 'What it begins at.';
COMMENT ON COLUMN api.graph_edges.from_id IS 'The id of that.';
COMMENT ON COLUMN api.graph_edges.relation IS 'deployedTo, deployedWith, produced, runsIn, partOf, instanceOf, affects, derivedFrom; between events follows, or the kind of the link in lower case.';
COMMENT ON COLUMN api.graph_edges.to_kind IS 'What it leads to.';
COMMENT ON COLUMN api.graph_edges.to_id IS 'The id of that.';
COMMENT ON COLUMN api.graph_edges.at IS 'When the earliest event that says so happened.';
COMMENT ON COLUMN api.graph_edges.event_id IS 'The id of that event.';
COMMENT ON COLUMN api.graph_edges.event_source IS 'The source of that event.';
COMMENT ON COLUMN api.graph_edges.event_type IS 'The type of that event.';

CREATE FUNCTION api.purl_version(purl text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(replace(coalesce(
        substring(purl FROM '[?&]tag=([^&#]+)'),
        substring(purl FROM '^[^?#]*@([^@/?#]+)')), '%3A', ':'), '%2B', '+')
$$;
COMMENT ON FUNCTION api.purl_version(text) IS 'The version in a package URL: its tag, as OCI images have one, else what stands behind the @.';

CREATE VIEW api.service_changes AS
SELECT environment_id, service_id, at, change, nullif(artifact_id, '') AS artifact_id, (event).id AS event_id, (event).source AS event_source
FROM public.cdevents_deployments;
COMMENT ON VIEW api.service_changes IS 'What happened to a service in an environment: deployments, rollbacks, removals, and incidents that name both.';
COMMENT ON COLUMN api.service_changes.environment_id IS 'The environment.';
COMMENT ON COLUMN api.service_changes.service_id IS 'The service.';
COMMENT ON COLUMN api.service_changes.at IS 'When.';
COMMENT ON COLUMN api.service_changes.change IS 'deployed, upgraded, rolledback, removed; detected or reported for an incident.';
COMMENT ON COLUMN api.service_changes.artifact_id IS 'The artifact that runs from then on.';
COMMENT ON COLUMN api.service_changes.event_id IS 'The id of the event that said so.';
COMMENT ON COLUMN api.service_changes.event_source IS 'The source of that event.';

CREATE VIEW api.placements AS SELECT environment_id, service_id FROM public.cdevents_placements;
COMMENT ON VIEW api.placements IS 'Which services ever had to do with which environments.';
COMMENT ON COLUMN api.placements.environment_id IS 'The environment.';
COMMENT ON COLUMN api.placements.service_id IS 'The service.';

CREATE VIEW api.deployments AS
SELECT d.environment_id, d.service_id, d.artifact_id, api.purl_version(d.artifact_id) AS version, d.at, d.until, d.change, d.event_id
FROM (
    SELECT k.*, lead(k.at) OVER (PARTITION BY k.environment_id, k.service_id ORDER BY k.at, k.change, k.artifact_id NULLS FIRST) AS until
    FROM api.service_changes k
    WHERE k.change IN ('deployed', 'upgraded', 'rolledback', 'removed')
) AS d
WHERE d.change <> 'removed';
COMMENT ON VIEW api.deployments IS 'From when until when which version of a service ran in an environment.';
COMMENT ON COLUMN api.deployments.environment_id IS 'The environment.';
COMMENT ON COLUMN api.deployments.service_id IS 'The service.';
COMMENT ON COLUMN api.deployments.artifact_id IS 'The artifact that ran.';
COMMENT ON COLUMN api.deployments.version IS 'Its version, where its id is a package URL.';
COMMENT ON COLUMN api.deployments.at IS 'From when.';
COMMENT ON COLUMN api.deployments.until IS 'Until when; null while it runs.';
COMMENT ON COLUMN api.deployments.change IS 'deployed, upgraded or rolledback.';
COMMENT ON COLUMN api.deployments.event_id IS 'The id of the event that said so.';

CREATE FUNCTION api.deployed_at(instant timestamptz DEFAULT now())
RETURNS TABLE (environment_id text, service_id text, artifact_id text, version text, since timestamptz, change text, event_id text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.environment_id, p.service_id, d.artifact_id, api.purl_version(d.artifact_id), d.at, d.change, d.event_id
    FROM api.placements p
    CROSS JOIN LATERAL (
        SELECT k.* FROM api.service_changes k
        WHERE k.environment_id = p.environment_id AND k.service_id = p.service_id AND k.at <= instant
            AND k.change IN ('deployed', 'upgraded', 'rolledback', 'removed')
        ORDER BY k.at DESC, k.change DESC, k.artifact_id DESC NULLS LAST
        LIMIT 1
    ) AS d
    WHERE d.change <> 'removed'
$$;
COMMENT ON FUNCTION api.deployed_at(timestamptz) IS 'Which version of which service was in which environment at an instant, and since when. A rollback deploys the artifact that it names; a removal ends the deployment.';

CREATE FUNCTION api.deployment_history(service text)
RETURNS TABLE (environment_id text, artifact_id text, version text, at timestamptz, until timestamptz, change text, event_id text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT d.environment_id, d.artifact_id, d.version, d.at, d.until, d.change, d.event_id
    FROM api.deployments d
    WHERE d.service_id = service
    ORDER BY d.at DESC, d.environment_id
$$;
COMMENT ON FUNCTION api.deployment_history(text) IS 'Every deployment of a service, the latest first.';

-- Place by place, each along the deployments' key, so that a quarter's changes are not sorted as text.
CREATE FUNCTION api.dora(from_instant timestamptz, to_instant timestamptz, service text DEFAULT NULL, environment text DEFAULT NULL)
RETURNS TABLE (deployments bigint, deployments_per_day double precision, lead_time interval, failed bigint, change_failure_rate double precision,
    restored bigint, time_to_restore interval)
LANGUAGE sql STABLE PARALLEL SAFE
-- It takes longer to compile than to run; and no place is asked for twice.
SET jit = off
SET enable_memoize = off
-- For the median of a quarter's lead times.
SET work_mem = '16MB'
AS $$
    WITH changes AS (
        SELECT p.environment_id, p.service_id, c.at, c.artifact_id, c.is_deployment, c.next_failed
        FROM api.placements p
        CROSS JOIN LATERAL (
            SELECT k.at, k.artifact_id, k.change IN ('deployed', 'upgraded') AS is_deployment,
                -- At one instant the deployment comes before what went wrong with it.
                lead(k.change NOT IN ('deployed', 'upgraded')) OVER (
                    ORDER BY k.at, k.change NOT IN ('deployed', 'upgraded'), k.change, k.artifact_id) AS next_failed
            FROM api.service_changes k
            WHERE k.environment_id = p.environment_id AND k.service_id = p.service_id
                AND k.at >= from_instant AND k.at < to_instant AND k.change <> 'removed') c
        WHERE (service IS NULL OR p.service_id = service) AND (environment IS NULL OR p.environment_id = environment)
    ), judged AS (
        SELECT coalesce(d.next_failed, (
                -- The next deployment may come, or fail to, after the window.
                SELECT k.change NOT IN ('deployed', 'upgraded') FROM api.service_changes k
                WHERE k.environment_id = d.environment_id AND k.service_id = d.service_id AND k.at >= to_instant AND k.change <> 'removed'
                ORDER BY k.at, k.change NOT IN ('deployed', 'upgraded')
                LIMIT 1), false) AS failed,
            d.at - (
                SELECT c."timestamp" FROM api.cdevents c
                WHERE c.subject_id = d.artifact_id AND c.subject = 'artifact' AND c.predicate = 'published' AND c."timestamp" <= d.at
                ORDER BY c."timestamp" DESC
                LIMIT 1) AS lead_time
        FROM changes d
        WHERE d.is_deployment
        -- Judged once, however often it is asked for.
        OFFSET 0
    ), restorations AS MATERIALIZED (
        SELECT i.resolved_at - (
            SELECT c."timestamp" FROM api.cdevents c
            WHERE c.subject_id = i.id AND c.subject = 'incident' AND c.predicate IN ('detected', 'reported')
            ORDER BY c."timestamp"
            LIMIT 1) AS time_to_restore
        FROM api.incident i
        WHERE i.resolved_at >= from_instant AND i.resolved_at < to_instant
            AND (service IS NULL OR i.service_id = service) AND (environment IS NULL OR i.environment_id = environment)
    ), restored AS (
        SELECT count(r.time_to_restore) AS restored, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.time_to_restore) AS time_to_restore
        FROM restorations r
    )
    SELECT count(*), count(*) / nullif(extract(epoch FROM to_instant - from_instant) / 86400, 0)::double precision,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY j.lead_time), count(*) FILTER (WHERE j.failed),
        count(*) FILTER (WHERE j.failed)::double precision / nullif(count(*), 0), (SELECT restored FROM restored),
        (SELECT time_to_restore FROM restored)
    FROM judged j
$$;
COMMENT ON FUNCTION api.dora(timestamptz, timestamptz, text, text) IS 'The four DORA measures of a window, of all services and environments or of one. Deployments are service.deployed and upgraded; one failed when, before the next of that service in that environment, it was rolled back or an incident named both. Lead time: median from artifact.published to the deployment of that artifact. Time to restore: median from the first detected or reported of an incident to its resolved.';

CREATE FUNCTION api.graph_walk(start_id text, depth_max integer, backwards boolean, start_kind text DEFAULT NULL)
RETURNS TABLE (depth integer, kind text, id text, relation text, path text[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    nodes_max CONSTANT integer := 10000;
    seen_kinds text[];
    seen_ids text[];
    kinds text[];
    ids text[];
    relations text[];
    paths jsonb[];
BEGIN
    SELECT array_agg(s.kind), array_agg(start_id), array_agg(jsonb_build_array(s.kind || ':' || start_id)) INTO kinds, ids, paths
    FROM (
        SELECT e.from_kind AS kind FROM api.graph_edges e WHERE e.from_id = start_id
        UNION SELECT e.to_kind FROM api.graph_edges e WHERE e.to_id = start_id
    ) AS s
    WHERE start_kind IS NULL OR s.kind = start_kind;
    seen_kinds := kinds;
    seen_ids := ids;
    FOR level IN 1..least(depth_max, 100) LOOP
        EXIT WHEN kinds IS NULL OR cardinality(seen_ids) >= nodes_max;
        SELECT array_agg(n.kind), array_agg(n.id), array_agg(n.relation), array_agg(n.path) INTO kinds, ids, relations, paths
        FROM (
            SELECT DISTINCT ON (e.kind, e.id) e.kind, e.id, e.relation, f.path || to_jsonb(e.kind || ':' || e.id) AS path
            FROM unnest(kinds, ids, paths) AS f (kind, id, path)
            CROSS JOIN LATERAL (
                SELECT o.to_kind AS kind, o.to_id AS id, o.relation FROM api.graph_edges o
                WHERE NOT backwards AND o.from_id = f.id AND o.from_kind = f.kind
                UNION ALL
                SELECT i.from_kind, i.from_id, i.relation FROM api.graph_edges i
                WHERE backwards AND i.to_id = f.id AND i.to_kind = f.kind
            ) AS e
            LEFT JOIN unnest(seen_kinds, seen_ids) AS s (kind, id) ON s.kind = e.kind AND s.id = e.id
            WHERE s.id IS NULL
            ORDER BY e.kind, e.id, f.path, e.relation
            LIMIT nodes_max
        ) AS n;
        EXIT WHEN kinds IS NULL;
        seen_kinds := seen_kinds || kinds;
        seen_ids := seen_ids || ids;
        RETURN QUERY SELECT level, u.kind, u.id, u.relation, ARRAY(SELECT jsonb_array_elements_text(u.path))
            FROM unnest(kinds, ids, relations, paths) AS u (kind, id, relation, path);
    END LOOP;
END
$$;
COMMENT ON FUNCTION api.graph_walk(text, integer, boolean, text) IS 'What graph_ancestors and graph_descendants have in common: each thing once, by a shortest way, at most 10,000 and 100 steps.';

CREATE FUNCTION api.graph_descendants(start_id text, depth_max integer DEFAULT 10, start_kind text DEFAULT NULL)
RETURNS TABLE (depth integer, kind text, id text, relation text, path text[])
LANGUAGE sql STABLE AS $$ SELECT * FROM api.graph_walk(start_id, depth_max, false, start_kind) $$;
COMMENT ON FUNCTION api.graph_descendants(text, integer, text) IS 'What can be reached from a thing along the edges, in so many steps: of a task run its pipeline run, of a service its environments and artifacts. Each thing once, with its distance, the edge that leads to it, and the way.';

CREATE FUNCTION api.graph_ancestors(start_id text, depth_max integer DEFAULT 10, start_kind text DEFAULT NULL)
RETURNS TABLE (depth integer, kind text, id text, relation text, path text[])
LANGUAGE sql STABLE AS $$ SELECT * FROM api.graph_walk(start_id, depth_max, true, start_kind) $$;
COMMENT ON FUNCTION api.graph_ancestors(text, integer, text) IS 'From where a thing can be reached along the edges, in so many steps: of an environment the services in it, of an artifact the builds and services. Each thing once, with its distance, the edge that leads on from it, and the way back.';

-- Who reads. The role is the cluster's, which other databases share; where this user may not make roles, somebody who may does.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'weir_reader') THEN
        CREATE ROLE weir_reader NOLOGIN;
        COMMENT ON ROLE weir_reader IS 'Reads Weir''s schema api and nothing else. To let it in: ALTER ROLE weir_reader LOGIN PASSWORD ….';
        ALTER ROLE weir_reader SET statement_timeout = '30s';
        ALTER ROLE weir_reader SET idle_in_transaction_session_timeout = '60s';
        ALTER ROLE weir_reader SET default_transaction_read_only = on;
        ALTER ROLE weir_reader SET search_path = api;
    END IF;
EXCEPTION
    -- Another database of this cluster is being migrated at the same time.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN RAISE WARNING 'the role weir_reader could not be made: make it, then SELECT public.open_api()';
END
$$;

CREATE FUNCTION open_api() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    GRANT USAGE ON SCHEMA api TO weir_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA api TO weir_reader;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO weir_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT SELECT ON TABLES TO weir_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT EXECUTE ON FUNCTIONS TO weir_reader;
END
$$;
COMMENT ON FUNCTION open_api() IS 'Lets the role weir_reader read the schema api. Called by the migration that makes it; by hand where the role is made later.';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'weir_reader') THEN
        PERFORM open_api();
    END IF;
    -- As PostgreSQL 15 and newer have it from the start: nobody but their owner makes tables beside ours.
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', current_user);
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    -- What works only for the owner of the tables is nobody else's to call.
    REVOKE EXECUTE ON FUNCTION make_event_months(integer), event_months(), drop_event_month(text), open_api() FROM PUBLIC;
END
$$;
