-- cdevents: events about software delivery, the state of what they are about, and how things hang together.

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
-- Newest first, what happened to a thing, and what belongs to a chain.
CREATE INDEX cdevents_newest ON cdevents ("timestamp");
CREATE INDEX cdevents_of_subject ON cdevents (subject_id, subject, "timestamp");
CREATE INDEX cdevents_of_chain ON cdevents (chain_id, "timestamp") WHERE chain_id IS NOT NULL;
-- Behind api.dora; one event in twenty is in it.
CREATE INDEX cdevents_publications ON cdevents (subject_id, "timestamp") WHERE subject = 'artifact' AND predicate = 'published';
COMMENT ON TABLE cdevents IS 'One row per identity (source, id, type): the least of its events by (record timestamp, stream, partition, offset).';
COMMENT ON COLUMN cdevents.id IS 'context.id as it came; where there was none, the CID of the content.';
COMMENT ON COLUMN cdevents.source IS 'context.source; where there was none, the topic.';
COMMENT ON COLUMN cdevents.type IS 'context.type as it came.';
COMMENT ON COLUMN cdevents."timestamp" IS 'When it happened; where the event does not say, the record''s timestamp.';
COMMENT ON COLUMN cdevents.imported_at IS 'When its record arrived.';
COMMENT ON COLUMN cdevents.subject IS 'What it is about, lower case: service, pipelinerun ….';
COMMENT ON COLUMN cdevents.predicate IS 'What happened, lower case: deployed, finished ….';
COMMENT ON COLUMN cdevents.version IS 'Version of its type, without -draft.';
COMMENT ON COLUMN cdevents.subject_id IS 'subject.id.';
COMMENT ON COLUMN cdevents.subject_source IS 'subject.source.';
COMMENT ON COLUMN cdevents.chain_id IS 'context.chainId.';
COMMENT ON COLUMN cdevents.problems IS 'What is not as the specification says, parted by semicolons; last, "identity reused" when other content came under the same identity. Null when nothing is wrong.';
COMMENT ON COLUMN cdevents.payload IS 'The whole event.';
COMMENT ON COLUMN cdevents.checksum IS 'xxh3-128 of what the event says, however it is written.';
COMMENT ON COLUMN cdevents.record_timestamp_ms IS 'Timestamp of the record that made this row, milliseconds since 1970.';
COMMENT ON COLUMN cdevents.stream IS 'Stream of the record that made this row.';
COMMENT ON COLUMN cdevents.partition IS 'Partition of that record.';
COMMENT ON COLUMN cdevents."offset" IS 'Offset of that record.';

-- Composite values are compared part by part, so that greatest() and least() of them do not depend on the order of arrival.
CREATE TYPE cdevents_event AS (at timestamptz, type text COLLATE "C", source text COLLATE "C", id text COLLATE "C");
COMMENT ON TYPE cdevents_event IS 'An event by which something was said: when it happened, and its identity.';
CREATE TYPE cdevents_value AS (at timestamptz, value text COLLATE "C");
COMMENT ON TYPE cdevents_value IS 'A value, and when the event happened that said it.';

CREATE FUNCTION cdevents_latest(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_object_agg(m.name, m.instant)
    FROM (
        SELECT e.key AS name, max(e.value COLLATE "C") AS instant
        FROM (SELECT * FROM jsonb_each_text(coalesce(a, '{}')) UNION ALL SELECT * FROM jsonb_each_text(coalesce(b, '{}'))) AS e
        GROUP BY e.key
    ) AS m
$$;
COMMENT ON FUNCTION cdevents_latest(jsonb, jsonb) IS 'The later instant of each member of two objects of instants.';

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
COMMENT ON TABLE cdevents_subjects IS 'One row for each thing that an event is about or names: its current state, and a node of the graph.';
COMMENT ON COLUMN cdevents_subjects.kind IS 'What it is: service, pipelinerun, environment ….';
COMMENT ON COLUMN cdevents_subjects.id IS 'Its id.';
COMMENT ON COLUMN cdevents_subjects.first_seen IS 'The earliest instant at which an event was about it or named it.';
COMMENT ON COLUMN cdevents_subjects.last IS 'The latest event about it; null while it was only named.';
COMMENT ON COLUMN cdevents_subjects.outcome IS 'The outcome that the latest event with one says.';
COMMENT ON COLUMN cdevents_subjects.properties IS 'What the latest event that names it says of it beside its id, a JSON object.';
COMMENT ON COLUMN cdevents_subjects.others IS 'The latest instants of predicates that have no column of their own.';
COMMENT ON COLUMN cdevents_subjects.abandoned_at IS 'When it was last abandoned.';
COMMENT ON COLUMN cdevents_subjects.closed_at IS 'When it was last closed.';
COMMENT ON COLUMN cdevents_subjects.created_at IS 'When it was last created.';
COMMENT ON COLUMN cdevents_subjects.deleted_at IS 'When it was last deleted.';
COMMENT ON COLUMN cdevents_subjects.deployed_at IS 'When it was last deployed.';
COMMENT ON COLUMN cdevents_subjects.detected_at IS 'When it was last detected.';
COMMENT ON COLUMN cdevents_subjects.downloaded_at IS 'When it was last downloaded.';
COMMENT ON COLUMN cdevents_subjects.finished_at IS 'When it was last finished.';
COMMENT ON COLUMN cdevents_subjects.merged_at IS 'When it was last merged.';
COMMENT ON COLUMN cdevents_subjects.modified_at IS 'When it was last modified.';
COMMENT ON COLUMN cdevents_subjects.packaged_at IS 'When it was last packaged.';
COMMENT ON COLUMN cdevents_subjects.published_at IS 'When it was last published.';
COMMENT ON COLUMN cdevents_subjects.queued_at IS 'When it was last queued.';
COMMENT ON COLUMN cdevents_subjects.removed_at IS 'When it was last removed.';
COMMENT ON COLUMN cdevents_subjects.reported_at IS 'When it was last reported.';
COMMENT ON COLUMN cdevents_subjects.resolved_at IS 'When it was last resolved.';
COMMENT ON COLUMN cdevents_subjects.reviewed_at IS 'When it was last reviewed.';
COMMENT ON COLUMN cdevents_subjects.rolledback_at IS 'When it was last rolled back.';
COMMENT ON COLUMN cdevents_subjects.signed_at IS 'When it was last signed.';
COMMENT ON COLUMN cdevents_subjects.skipped_at IS 'When it was last skipped.';
COMMENT ON COLUMN cdevents_subjects.started_at IS 'When it was last started.';
COMMENT ON COLUMN cdevents_subjects.updated_at IS 'When it was last updated.';
COMMENT ON COLUMN cdevents_subjects.upgraded_at IS 'When it was last upgraded.';

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
COMMENT ON TABLE cdevents_edges IS 'The edges of the graph: how things hang together, each once.';
COMMENT ON COLUMN cdevents_edges.from_id IS 'Id of the thing that it begins at.';
COMMENT ON COLUMN cdevents_edges.from_kind IS 'What that is.';
COMMENT ON COLUMN cdevents_edges.relation IS 'deployedTo, deployedWith, produced, runsIn, partOf, instanceOf, affects, derivedFrom; between events follows, or the kind of the link.';
COMMENT ON COLUMN cdevents_edges.to_id IS 'Id of the thing that it leads to.';
COMMENT ON COLUMN cdevents_edges.to_kind IS 'What that is.';
COMMENT ON COLUMN cdevents_edges.event IS 'The earliest event that said so.';

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
COMMENT ON TABLE cdevents_deployments IS 'What happened to a service in an environment: deployments, rollbacks, removals, and incidents that name both.';
COMMENT ON COLUMN cdevents_deployments.environment_id IS 'The environment.';
COMMENT ON COLUMN cdevents_deployments.service_id IS 'The service.';
COMMENT ON COLUMN cdevents_deployments.at IS 'When.';
COMMENT ON COLUMN cdevents_deployments.change IS 'deployed, upgraded, rolledback, removed; detected or reported for an incident.';
COMMENT ON COLUMN cdevents_deployments.artifact_id IS 'The artifact that runs from then on; empty where the event names none.';
COMMENT ON COLUMN cdevents_deployments.event IS 'The first event that said so.';

CREATE TABLE cdevents_placements (
    environment_id text COLLATE "C" NOT NULL,
    service_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (environment_id, service_id)
);
COMMENT ON TABLE cdevents_placements IS 'Which services ever had to do with which environments: where a search for deployments begins.';
COMMENT ON COLUMN cdevents_placements.environment_id IS 'The environment.';
COMMENT ON COLUMN cdevents_placements.service_id IS 'The service.';
