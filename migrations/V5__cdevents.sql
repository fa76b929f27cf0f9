-- cdevents: events about software delivery, the state of their subjects, and the graph of the
-- subjects.

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
    PRIMARY KEY (id, source, type)
);
-- The indexes serve the list by time, the history of a subject, and the events of a chain.
CREATE INDEX cdevents_newest ON cdevents ("timestamp");
CREATE INDEX cdevents_of_subject ON cdevents (subject_id, subject, "timestamp");
CREATE INDEX cdevents_of_chain ON cdevents (chain_id, "timestamp") WHERE chain_id IS NOT NULL;
-- This index serves api.dora. It contains about one event in twenty.
CREATE INDEX cdevents_publications ON cdevents (subject_id, "timestamp") WHERE subject = 'artifact' AND predicate = 'published';
COMMENT ON TABLE cdevents IS 'One row per identity (source, id, type): the minimum of its events by (record timestamp, stream, partition, offset).';
COMMENT ON COLUMN cdevents.id IS 'context.id as received; the CID of the content if the id is missing.';
COMMENT ON COLUMN cdevents.source IS 'context.source; the topic if the source is missing.';
COMMENT ON COLUMN cdevents.type IS 'context.type as received.';
COMMENT ON COLUMN cdevents."timestamp" IS 'The time of the event; the record''s timestamp if the event has no time.';
COMMENT ON COLUMN cdevents.imported_at IS 'The time at which the record arrived.';
COMMENT ON COLUMN cdevents.subject IS 'The kind of the subject, in lower case: service, pipelinerun ….';
COMMENT ON COLUMN cdevents.predicate IS 'The predicate of the event, in lower case: deployed, finished ….';
COMMENT ON COLUMN cdevents.version IS 'The version of the event''s type, without -draft.';
COMMENT ON COLUMN cdevents.subject_id IS 'subject.id.';
COMMENT ON COLUMN cdevents.subject_source IS 'subject.source.';
COMMENT ON COLUMN cdevents.chain_id IS 'context.chainId.';
COMMENT ON COLUMN cdevents.problems IS 'The deviations from the specification, separated by semicolons. The last one is "identity reused" if an event with the same identity had other content. Null without deviations.';
COMMENT ON COLUMN cdevents.payload IS 'The complete event.';
COMMENT ON COLUMN cdevents.checksum IS 'The xxh3-128 of the content of the event, which does not depend on its JSON spelling.';
COMMENT ON COLUMN cdevents.record_timestamp_ms IS 'The timestamp of the record of this row, in milliseconds since 1970.';
COMMENT ON COLUMN cdevents.stream IS 'The stream of the record of this row.';
COMMENT ON COLUMN cdevents.partition IS 'The partition of the record of this row.';
COMMENT ON COLUMN cdevents."offset" IS 'The offset of the record of this row.';

-- PostgreSQL compares composite values part by part. So greatest() and least() of them do not
-- depend on the order of arrival.
CREATE TYPE cdevents_event AS (at timestamptz, type text COLLATE "C", source text COLLATE "C", id text COLLATE "C");
COMMENT ON TYPE cdevents_event IS 'The time and the identity of an event.';
CREATE TYPE cdevents_value AS (at timestamptz, value text COLLATE "C");
COMMENT ON TYPE cdevents_value IS 'A value and the time of its event.';

CREATE FUNCTION cdevents_latest(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_object_agg(m.name, m.instant)
    FROM (
        SELECT e.key AS name, max(e.value COLLATE "C") AS instant
        FROM (SELECT * FROM jsonb_each_text(coalesce(a, '{}')) UNION ALL SELECT * FROM jsonb_each_text(coalesce(b, '{}'))) AS e
        GROUP BY e.key
    ) AS m
$$;
COMMENT ON FUNCTION cdevents_latest(jsonb, jsonb) IS 'Returns the later instant of each member of two objects of instants.';

CREATE TABLE cdevents_subjects (
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    first_seen timestamptz NOT NULL,
    last cdevents_event,
    outcome cdevents_value,
    properties cdevents_value,
    abandoned_at timestamptz,
    closed_at timestamptz,
    created_at timestamptz,
    deleted_at timestamptz,
    deployed_at timestamptz,
    detected_at timestamptz,
    downloaded_at timestamptz,
    finished_at timestamptz,
    merged_at timestamptz,
    modified_at timestamptz,
    packaged_at timestamptz,
    published_at timestamptz,
    queued_at timestamptz,
    removed_at timestamptz,
    reported_at timestamptz,
    resolved_at timestamptz,
    reviewed_at timestamptz,
    rolledback_at timestamptz,
    signed_at timestamptz,
    skipped_at timestamptz,
    started_at timestamptz,
    updated_at timestamptz,
    upgraded_at timestamptz,
    others jsonb,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 70);
COMMENT ON TABLE cdevents_subjects IS 'One row for each subject that an event is about or names: its current state, and a node of the graph.';
COMMENT ON COLUMN cdevents_subjects.kind IS 'The kind of the subject: service, pipelinerun, environment ….';
COMMENT ON COLUMN cdevents_subjects.id IS 'The id of the subject.';
COMMENT ON COLUMN cdevents_subjects.first_seen IS 'The time of the earliest event that is about the subject or names it.';
COMMENT ON COLUMN cdevents_subjects.last IS 'The latest event about the subject; null if events only name it.';
COMMENT ON COLUMN cdevents_subjects.outcome IS 'The outcome in the latest event that has one.';
COMMENT ON COLUMN cdevents_subjects.properties IS 'The members of the subject in the latest event that names it, without the id: a JSON object.';
COMMENT ON COLUMN cdevents_subjects.others IS 'The latest instants of predicates that do not have a column.';
COMMENT ON COLUMN cdevents_subjects.abandoned_at IS 'The time at which the subject was last abandoned.';
COMMENT ON COLUMN cdevents_subjects.closed_at IS 'The time at which the subject was last closed.';
COMMENT ON COLUMN cdevents_subjects.created_at IS 'The time at which the subject was last created.';
COMMENT ON COLUMN cdevents_subjects.deleted_at IS 'The time at which the subject was last deleted.';
COMMENT ON COLUMN cdevents_subjects.deployed_at IS 'The time at which the subject was last deployed.';
COMMENT ON COLUMN cdevents_subjects.detected_at IS 'The time at which the subject was last detected.';
COMMENT ON COLUMN cdevents_subjects.downloaded_at IS 'The time at which the subject was last downloaded.';
COMMENT ON COLUMN cdevents_subjects.finished_at IS 'The time at which the subject was last finished.';
COMMENT ON COLUMN cdevents_subjects.merged_at IS 'The time at which the subject was last merged.';
COMMENT ON COLUMN cdevents_subjects.modified_at IS 'The time at which the subject was last modified.';
COMMENT ON COLUMN cdevents_subjects.packaged_at IS 'The time at which the subject was last packaged.';
COMMENT ON COLUMN cdevents_subjects.published_at IS 'The time at which the subject was last published.';
COMMENT ON COLUMN cdevents_subjects.queued_at IS 'The time at which the subject was last queued.';
COMMENT ON COLUMN cdevents_subjects.removed_at IS 'The time at which the subject was last removed.';
COMMENT ON COLUMN cdevents_subjects.reported_at IS 'The time at which the subject was last reported.';
COMMENT ON COLUMN cdevents_subjects.resolved_at IS 'The time at which the subject was last resolved.';
COMMENT ON COLUMN cdevents_subjects.reviewed_at IS 'The time at which the subject was last reviewed.';
COMMENT ON COLUMN cdevents_subjects.rolledback_at IS 'The time at which the subject was last rolled back.';
COMMENT ON COLUMN cdevents_subjects.signed_at IS 'The time at which the subject was last signed.';
COMMENT ON COLUMN cdevents_subjects.skipped_at IS 'The time at which the subject was last skipped.';
COMMENT ON COLUMN cdevents_subjects.started_at IS 'The time at which the subject was last started.';
COMMENT ON COLUMN cdevents_subjects.updated_at IS 'The time at which the subject was last updated.';
COMMENT ON COLUMN cdevents_subjects.upgraded_at IS 'The time at which the subject was last upgraded.';

CREATE TABLE cdevents_edges (
    from_id text COLLATE "C" NOT NULL,
    from_kind text COLLATE "C" NOT NULL,
    relation text COLLATE "C" NOT NULL,
    to_id text COLLATE "C" NOT NULL,
    to_kind text COLLATE "C" NOT NULL,
    event cdevents_event NOT NULL,
    PRIMARY KEY (from_id, from_kind, relation, to_id, to_kind)
);
CREATE INDEX cdevents_edges_back ON cdevents_edges (to_id, to_kind);
COMMENT ON TABLE cdevents_edges IS 'The edges of the graph between subjects, each once.';
COMMENT ON COLUMN cdevents_edges.from_id IS 'The id of the subject at which the edge begins.';
COMMENT ON COLUMN cdevents_edges.from_kind IS 'The kind of this subject.';
COMMENT ON COLUMN cdevents_edges.relation IS 'deployedTo, deployedWith, produced, runsIn, partOf, instanceOf, affects or derivedFrom; between events follows, or the kind of the link.';
COMMENT ON COLUMN cdevents_edges.to_id IS 'The id of the subject to which the edge leads.';
COMMENT ON COLUMN cdevents_edges.to_kind IS 'The kind of this subject.';
COMMENT ON COLUMN cdevents_edges.event IS 'The earliest event with this edge.';

CREATE TABLE cdevents_deployments (
    environment_id text COLLATE "C" NOT NULL,
    service_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    change text COLLATE "C" NOT NULL,
    artifact_id text COLLATE "C" NOT NULL,
    event cdevents_event NOT NULL,
    PRIMARY KEY (environment_id, service_id, at, change, artifact_id)
);
CREATE INDEX cdevents_deployments_at ON cdevents_deployments (at);
CREATE INDEX cdevents_deployments_of_service ON cdevents_deployments (service_id, at);
COMMENT ON TABLE cdevents_deployments IS 'The changes of services in environments: deployments, rollbacks, removals, and incidents that name both.';
COMMENT ON COLUMN cdevents_deployments.environment_id IS 'The environment.';
COMMENT ON COLUMN cdevents_deployments.service_id IS 'The service.';
COMMENT ON COLUMN cdevents_deployments.at IS 'The time.';
COMMENT ON COLUMN cdevents_deployments.change IS 'deployed, upgraded, rolledback or removed; detected or reported for an incident.';
COMMENT ON COLUMN cdevents_deployments.artifact_id IS 'The artifact that runs after the change; empty if the event names no artifact.';
COMMENT ON COLUMN cdevents_deployments.event IS 'The first event with this change.';

CREATE TABLE cdevents_placements (
    environment_id text COLLATE "C" NOT NULL,
    service_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (environment_id, service_id)
);
COMMENT ON TABLE cdevents_placements IS 'The pairs of a service and an environment that events name. A search for deployments begins with them.';
COMMENT ON COLUMN cdevents_placements.environment_id IS 'The environment.';
COMMENT ON COLUMN cdevents_placements.service_id IS 'The service.';
