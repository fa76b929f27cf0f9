-- The schema api has the views and functions that dashboards and people may read. They may read
-- nothing else, so the tables can change without breaking them.

CREATE SCHEMA api;
COMMENT ON SCHEMA api IS 'Weir''s SQL interface: views and functions for reading.';

CREATE VIEW api.events AS
SELECT s.topic, s.group_id, s.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason,
    encode(e.key, 'escape') AS key, e.entity_id, e.event_type, e.event_version, e.payload
FROM public.events e
JOIN public.streams s ON s.id = e.stream;
COMMENT ON VIEW api.events IS 'The log: every stored record, including skipped records.';
COMMENT ON COLUMN api.events.topic IS 'Kafka topic.';
COMMENT ON COLUMN api.events.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN api.events.epoch IS 'How often the topic was recreated and reset before.';
COMMENT ON COLUMN api.events.partition IS 'Kafka partition.';
COMMENT ON COLUMN api.events."offset" IS 'Kafka offset.';
COMMENT ON COLUMN api.events.arrived_at IS 'The time at which the record was stored.';
COMMENT ON COLUMN api.events.event_time IS 'The time of the event.';
COMMENT ON COLUMN api.events.outcome IS 'event, or skipped for a record that is in the log but not projected.';
COMMENT ON COLUMN api.events.reason IS 'The reason why the record was skipped.';
COMMENT ON COLUMN api.events.key IS 'The key of the record. Bytes that are not ASCII are escaped.';
COMMENT ON COLUMN api.events.entity_id IS 'The id of the thing that the event is about.';
COMMENT ON COLUMN api.events.event_type IS 'The type of the event.';
COMMENT ON COLUMN api.events.event_version IS 'The version of the event''s format.';
COMMENT ON COLUMN api.events.payload IS 'The value. Null for a null value, and for JSON that PostgreSQL''s jsonb does not accept.';

CREATE VIEW api.failures AS
SELECT s.topic, s.group_id, s.epoch, f.partition, f."offset", f.created_at, f.event_time, f.error_class, f.error_message, f.attempts,
    f.last_attempt_at, f.discarded_at, f.entity_id, f.event_type, f.event_version
FROM public.failures f
JOIN public.streams s ON s.id = f.stream;
COMMENT ON VIEW api.failures IS 'Records that could not be stored as events, without their bytes.';
COMMENT ON COLUMN api.failures.topic IS 'Kafka topic.';
COMMENT ON COLUMN api.failures.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN api.failures.epoch IS 'How often the topic was recreated and reset before.';
COMMENT ON COLUMN api.failures.partition IS 'Kafka partition.';
COMMENT ON COLUMN api.failures."offset" IS 'Kafka offset.';
COMMENT ON COLUMN api.failures.created_at IS 'The time at which the record arrived.';
COMMENT ON COLUMN api.failures.event_time IS 'The time of the event, if it could be read.';
COMMENT ON COLUMN api.failures.error_class IS 'The class of the error, for grouping.';
COMMENT ON COLUMN api.failures.error_message IS 'The reason in one line.';
COMMENT ON COLUMN api.failures.attempts IS 'The number of attempts to store the record.';
COMMENT ON COLUMN api.failures.last_attempt_at IS 'The time of the last attempt.';
COMMENT ON COLUMN api.failures.discarded_at IS 'The time at which the failure was discarded.';
COMMENT ON COLUMN api.failures.entity_id IS 'The id of the thing that the event is about, if it could be read.';
COMMENT ON COLUMN api.failures.event_type IS 'The type of the event, if it could be read.';
COMMENT ON COLUMN api.failures.event_version IS 'The version of the event''s format, if it could be read.';

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
COMMENT ON VIEW api.subjects IS 'One row for each subject of any kind that an event is about or names.';
COMMENT ON COLUMN api.subjects.kind IS 'The kind of the subject: service, pipelinerun, environment ….';
COMMENT ON COLUMN api.subjects.id IS 'The id of the subject.';
COMMENT ON COLUMN api.subjects.first_seen IS 'The time of the earliest event that is about the subject or names it.';
COMMENT ON COLUMN api.subjects.last_at IS 'The time of the latest event about the subject; null if events only name it.';
COMMENT ON COLUMN api.subjects.outcome IS 'The outcome in the latest event that has one.';
COMMENT ON COLUMN api.subjects.predicates IS 'The predicates of the subject''s events, each with its latest instant: an object of instants.';
COMMENT ON COLUMN api.subjects.properties IS 'The members of the subject in the latest event that names it, without the id.';
COMMENT ON COLUMN api.subjects.payload IS 'The latest event about the subject.';

-- A view copies the comments of its table.
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

-- Creates one view per kind of subject. A part is column|path in the latest event's
-- content|comment.
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
            ('branch', '{created,deleted}', false, '{repository_id|repository,id|The repository of the branch.}'),
            ('build', '{queued,started,finished}', false, '{artifact_id|artifactId|The artifact that the build made.}'),
            ('change', '{created,reviewed,updated,merged,abandoned}', false,
                '{repository_id|repository,id|The repository of the change.|,description|description|The description of the change.}'),
            ('environment', '{created,modified,deleted}', false, '{name|name|The name.|,uri|uri|The URL of the page.}'),
            ('incident', '{detected,reported,resolved}', false,
                '{description|description|The description of the incident.|,environment_id|environment,id|The environment of the incident.|,service_id|service,id|The service of the incident.|,artifact_id|artifactId|The artifact of the incident.}'),
            ('pipelinerun', '{queued,started,finished}', true,
                '{name|pipelineName|The name of the pipeline.|,uri|uri|The URL of the page.|,errors|errors|The errors.}'),
            ('repository', '{created,modified,deleted}', false, '{name|name|The name.|,owner|owner|The owner of the repository.|,uri|uri|The URL of the repository.}'),
            ('service', '{deployed,upgraded,rolledback,removed,published}', false,
                '{environment_id|environment,id|The environment in the latest event.|,artifact_id|artifactId|The artifact in the latest event.}'),
            ('taskrun', '{started,finished}', true,
                '{name|taskName|The name of the task.|,pipelinerun_id|pipelineRun,id|The pipeline run of the task run.|,uri|uri|The URL of the page.|,errors|errors|The errors.}'),
            ('testcaserun', '{queued,started,finished,skipped}', true,
                '{testcase_id|testCase,id|The test case of the run.|,environment_id|environment,id|The environment of the run.|,testsuiterun_id|testSuiteRun,id|The run of the test suite.|,reason|reason|The reason of the outcome.}'),
            ('testoutput', '{published}', false,
                '{output_type|outputType|The type of the output.|,format|format|The media type.|,testcaserun_id|testCaseRun,id|The test case run that made the output.|,uri|uri|The URL of the output.}'),
            ('testsuiterun', '{queued,started,finished}', true,
                '{testsuite_id|testSuite,id|The test suite of the run.|,environment_id|environment,id|The environment of the run.|,reason|reason|The reason of the outcome.}'),
            ('ticket', '{created,updated,closed}', false, '{summary|summary|The summary of the ticket.|,uri|uri|The URL of the page.|,resolution|resolution|The resolution of the ticket.}')
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
        EXECUTE format('COMMENT ON VIEW api.%I IS %L', what.kind, 'One row for each ' || what.kind || ', with its current state. Each instant is the latest one of its predicate.');
        EXECUTE format('COMMENT ON COLUMN api.%I.id IS %L', what.kind, 'The id of the subject.');
        EXECUTE format('COMMENT ON COLUMN api.%I.first_seen IS %L', what.kind, 'The time of the earliest event that is about the subject or names it.');
        EXECUTE format('COMMENT ON COLUMN api.%I.last_at IS %L', what.kind, 'The time of the latest event about the subject; null if events only name it.');
        EXECUTE format('COMMENT ON COLUMN api.%I.payload IS %L', what.kind, 'The latest event about the subject.');
        FOREACH predicate IN ARRAY what.predicates::text[] LOOP
            EXECUTE format('COMMENT ON COLUMN api.%I.%I IS %L', what.kind, predicate || '_at',
                'The time at which the subject was last ' || CASE predicate WHEN 'rolledback' THEN 'rolled back' ELSE predicate END || '.');
        END LOOP;
        IF what.has_outcome THEN
            EXECUTE format('COMMENT ON COLUMN api.%I.outcome IS %L', what.kind, 'The outcome in the latest event that has one: success, failure, cancel or error.');
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
COMMENT ON VIEW api.graph_nodes IS 'The subjects that events are about or name.';
COMMENT ON COLUMN api.graph_nodes.kind IS 'The kind of the subject.';
COMMENT ON COLUMN api.graph_nodes.id IS 'The id of the subject.';
COMMENT ON COLUMN api.graph_nodes.first_seen IS 'The time of the earliest event that is about the subject or names it.';
COMMENT ON COLUMN api.graph_nodes.properties IS 'The members of the subject in the latest event that names it, without the id.';

CREATE VIEW api.graph_edges AS
SELECT from_kind, from_id, relation, to_kind, to_id, (event).at AS at, (event).id AS event_id, (event).source AS event_source,
    (event).type AS event_type
FROM public.cdevents_edges;
COMMENT ON VIEW api.graph_edges IS 'The edges between subjects.';
COMMENT ON COLUMN api.graph_edges.from_kind IS 'The kind of the subject at which the edge begins.';
COMMENT ON COLUMN api.graph_edges.from_id IS 'The id of this subject.';
COMMENT ON COLUMN api.graph_edges.relation IS 'deployedTo, deployedWith, produced, runsIn, partOf, instanceOf, affects or derivedFrom; between events follows, or the kind of the link in lower case.';
COMMENT ON COLUMN api.graph_edges.to_kind IS 'The kind of the subject to which the edge leads.';
COMMENT ON COLUMN api.graph_edges.to_id IS 'The id of this subject.';
COMMENT ON COLUMN api.graph_edges.at IS 'The time of the earliest event with this edge.';
COMMENT ON COLUMN api.graph_edges.event_id IS 'The id of this event.';
COMMENT ON COLUMN api.graph_edges.event_source IS 'The source of this event.';
COMMENT ON COLUMN api.graph_edges.event_type IS 'The type of this event.';

CREATE FUNCTION api.purl_version(purl text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(replace(coalesce(
        substring(purl FROM '[?&]tag=([^&#]+)'),
        substring(purl FROM '^[^?#]*@([^@/?#]+)')), '%3A', ':'), '%2B', '+')
$$;
COMMENT ON FUNCTION api.purl_version(text) IS 'Returns the version in a package URL: its tag if it has one, as OCI images do, otherwise the text after the @.';

CREATE VIEW api.service_changes AS
SELECT environment_id, service_id, at, change, nullif(artifact_id, '') AS artifact_id, (event).id AS event_id, (event).source AS event_source
FROM public.cdevents_deployments;
COMMENT ON VIEW api.service_changes IS 'The changes of services in environments: deployments, rollbacks, removals, and incidents that name both.';
COMMENT ON COLUMN api.service_changes.environment_id IS 'The environment.';
COMMENT ON COLUMN api.service_changes.service_id IS 'The service.';
COMMENT ON COLUMN api.service_changes.at IS 'The time.';
COMMENT ON COLUMN api.service_changes.change IS 'deployed, upgraded, rolledback or removed; detected or reported for an incident.';
COMMENT ON COLUMN api.service_changes.artifact_id IS 'The artifact that runs after the change.';
COMMENT ON COLUMN api.service_changes.event_id IS 'The id of the event of the change.';
COMMENT ON COLUMN api.service_changes.event_source IS 'The source of this event.';

CREATE VIEW api.placements AS SELECT environment_id, service_id FROM public.cdevents_placements;
COMMENT ON VIEW api.placements IS 'The pairs of a service and an environment that events name.';
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
COMMENT ON VIEW api.deployments IS 'The deployments of services in environments, with artifact, version, start and end.';
COMMENT ON COLUMN api.deployments.environment_id IS 'The environment.';
COMMENT ON COLUMN api.deployments.service_id IS 'The service.';
COMMENT ON COLUMN api.deployments.artifact_id IS 'The artifact that ran.';
COMMENT ON COLUMN api.deployments.version IS 'The version of the artifact, if its id is a package URL.';
COMMENT ON COLUMN api.deployments.at IS 'The start of the deployment.';
COMMENT ON COLUMN api.deployments.until IS 'The end of the deployment; null while it runs.';
COMMENT ON COLUMN api.deployments.change IS 'deployed, upgraded or rolledback.';
COMMENT ON COLUMN api.deployments.event_id IS 'The id of the event of the change.';

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
COMMENT ON FUNCTION api.deployed_at(timestamptz) IS 'Returns the deployments that ran at an instant, with version and start. A rollback deploys the artifact that it names; a removal ends the deployment.';

CREATE FUNCTION api.deployment_history(service text)
RETURNS TABLE (environment_id text, artifact_id text, version text, at timestamptz, until timestamptz, change text, event_id text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT d.environment_id, d.artifact_id, d.version, d.at, d.until, d.change, d.event_id
    FROM api.deployments d
    WHERE d.service_id = service
    ORDER BY d.at DESC, d.environment_id
$$;
COMMENT ON FUNCTION api.deployment_history(text) IS 'Returns every deployment of a service, latest first.';

-- Reads one pair of service and environment at a time, in the order of the deployments' key. So the
-- changes of a quarter are not sorted as text.
CREATE FUNCTION api.dora(from_instant timestamptz, to_instant timestamptz, service text DEFAULT NULL, environment text DEFAULT NULL)
RETURNS TABLE (deployments bigint, deployments_per_day double precision, lead_time interval, failed bigint, change_failure_rate double precision,
    restored bigint, time_to_restore interval)
LANGUAGE sql STABLE PARALLEL SAFE
-- JIT compilation takes longer than the query, and each pair is read only once.
SET jit = off
SET enable_memoize = off
-- The median of a quarter's lead times needs this memory.
SET work_mem = '16MB'
AS $$
    WITH changes AS (
        SELECT p.environment_id, p.service_id, c.at, c.artifact_id, c.is_deployment, c.next_failed
        FROM api.placements p
        CROSS JOIN LATERAL (
            SELECT k.at, k.artifact_id, k.change IN ('deployed', 'upgraded') AS is_deployment,
                -- At the same instant, a deployment comes before its rollback or incident.
                lead(k.change NOT IN ('deployed', 'upgraded')) OVER (
                    ORDER BY k.at, k.change NOT IN ('deployed', 'upgraded'), k.change, k.artifact_id) AS next_failed
            FROM api.service_changes k
            WHERE k.environment_id = p.environment_id AND k.service_id = p.service_id
                AND k.at >= from_instant AND k.at < to_instant AND k.change <> 'removed') c
        WHERE (service IS NULL OR p.service_id = service) AND (environment IS NULL OR p.environment_id = environment)
    ), judged AS (
        SELECT coalesce(d.next_failed, (
                -- The next change may be after the window.
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
        -- OFFSET 0 keeps the planner from computing the columns several times.
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
COMMENT ON FUNCTION api.dora(timestamptz, timestamptz, text, text) IS 'Returns the four DORA measures of a window, for all services and environments or for one. Deployments are service.deployed and service.upgraded. A deployment failed if, before the next deployment of the service in the environment, it was rolled back or an incident named both. Lead time: median from artifact.published to the deployment of that artifact. Time to restore: median from the first detected or reported of an incident to its resolved.';

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
COMMENT ON FUNCTION api.graph_walk(text, integer, boolean, text) IS 'The common part of graph_ancestors and graph_descendants: returns each subject once, by a shortest path, at most 10,000 subjects and 100 steps.';

CREATE FUNCTION api.graph_descendants(start_id text, depth_max integer DEFAULT 10, start_kind text DEFAULT NULL)
RETURNS TABLE (depth integer, kind text, id text, relation text, path text[])
LANGUAGE sql STABLE AS $$ SELECT * FROM api.graph_walk(start_id, depth_max, false, start_kind) $$;
COMMENT ON FUNCTION api.graph_descendants(text, integer, text) IS 'Returns the subjects that can be reached from a subject along the edges, in at most depth_max steps: for a task run its pipeline run, for a service its environments and artifacts. Each subject comes once, with its distance, the edge that leads to it, and the path.';

CREATE FUNCTION api.graph_ancestors(start_id text, depth_max integer DEFAULT 10, start_kind text DEFAULT NULL)
RETURNS TABLE (depth integer, kind text, id text, relation text, path text[])
LANGUAGE sql STABLE AS $$ SELECT * FROM api.graph_walk(start_id, depth_max, true, start_kind) $$;
COMMENT ON FUNCTION api.graph_ancestors(text, integer, text) IS 'Returns the subjects from which a subject can be reached along the edges, in at most depth_max steps: for an environment its services, for an artifact its builds and services. Each subject comes once, with its distance, the edge that leads from it, and the path back.';

-- The role of readers. Roles belong to the cluster, which other databases share. If this user may
-- not create roles, another user must create it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'weir_reader') THEN
        CREATE ROLE weir_reader NOLOGIN;
        COMMENT ON ROLE weir_reader IS 'May read Weir''s schema api and nothing else. To allow a login, run ALTER ROLE weir_reader LOGIN PASSWORD ….';
        ALTER ROLE weir_reader SET statement_timeout = '30s';
        ALTER ROLE weir_reader SET idle_in_transaction_session_timeout = '60s';
        ALTER ROLE weir_reader SET default_transaction_read_only = on;
        ALTER ROLE weir_reader SET search_path = api;
    END IF;
EXCEPTION
    -- Another database of this cluster may be migrated at the same time.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN RAISE WARNING 'cannot create the role weir_reader: create it, then run SELECT public.open_api()';
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
COMMENT ON FUNCTION open_api() IS 'Allows the role weir_reader to read the schema api. Called by the migration that creates the schema. Call it manually if the role is created later.';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'weir_reader') THEN
        PERFORM open_api();
    END IF;
    -- As in PostgreSQL 15 and newer, only the owner may create tables in the schema public.
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', current_user);
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    -- Only the owner of the tables may call these functions.
    REVOKE EXECUTE ON FUNCTION make_event_months(integer), event_months(), drop_event_month(text), open_api() FROM PUBLIC;
END
$$;
