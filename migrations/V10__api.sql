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
