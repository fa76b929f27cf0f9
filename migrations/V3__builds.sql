-- builds: the state of each CI build.

CREATE TABLE builds (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL,
    request_id uuid,
    branch_name text,
    branch_url text,
    commit_ref text,
    commit_url text,
    pr_name text,
    pr_number text,
    pr_description text,
    pr_url text,
    bytes_real bigint NOT NULL DEFAULT 0,
    bytes_virtual bigint NOT NULL DEFAULT 0,
    config jsonb,
    pinned boolean NOT NULL DEFAULT false,
    reaped boolean NOT NULL DEFAULT false,
    reaped_reason integer,
    reaped_reason_text text,
    reaped_date timestamptz,
    status_build text,
    status_submitted text,
    steps jsonb,
    time_started timestamptz NOT NULL,
    time_updated timestamptz NOT NULL,
    record_timestamp_ms bigint NOT NULL,
    stream integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL
) WITH (fillfactor = 70);
-- project_id never changes for a build, so this index keeps updates HOT.
CREATE INDEX builds_project ON builds (project_id);
-- Behind the API's list. A build's start never changes either.
CREATE INDEX builds_newest ON builds (time_started, id);
COMMENT ON TABLE builds IS 'The state of each build: the maximum of its events by (reaped, time_updated, record timestamp, stream, partition, offset).';
COMMENT ON COLUMN builds.id IS 'Build id.';
COMMENT ON COLUMN builds.project_id IS 'The project it belongs to.';
COMMENT ON COLUMN builds.request_id IS 'The request that started it.';
COMMENT ON COLUMN builds.branch_name IS 'Branch.';
COMMENT ON COLUMN builds.branch_url IS 'Page of the branch.';
COMMENT ON COLUMN builds.commit_ref IS 'Commit.';
COMMENT ON COLUMN builds.commit_url IS 'Page of the commit.';
COMMENT ON COLUMN builds.pr_name IS 'Title of the pull request.';
COMMENT ON COLUMN builds.pr_number IS 'Number of the pull request, as text.';
COMMENT ON COLUMN builds.pr_description IS 'Description of the pull request.';
COMMENT ON COLUMN builds.pr_url IS 'Page of the pull request.';
COMMENT ON COLUMN builds.bytes_real IS 'Disk space that it takes, bytes.';
COMMENT ON COLUMN builds.bytes_virtual IS 'Disk space as it looks from inside, bytes.';
COMMENT ON COLUMN builds.config IS 'Its configuration.';
COMMENT ON COLUMN builds.pinned IS 'Whether it is kept from being reaped.';
COMMENT ON COLUMN builds.reaped IS 'Whether it was removed. Nothing un-reaps.';
COMMENT ON COLUMN builds.reaped_reason IS '0 unknown, 1 account over its disk limit, 2 too many builds on the branch, 3 on the pull request, 4 pull request closed, 5 deleted by hand.';
COMMENT ON COLUMN builds.reaped_reason_text IS 'The reason in words.';
COMMENT ON COLUMN builds.reaped_date IS 'When it was removed.';
COMMENT ON COLUMN builds.status_build IS 'Status; any text.';
COMMENT ON COLUMN builds.status_submitted IS 'Status that was submitted to the code host.';
COMMENT ON COLUMN builds.steps IS 'Its steps and how they went.';
COMMENT ON COLUMN builds.time_started IS 'When it was created.';
COMMENT ON COLUMN builds.time_updated IS 'When it last changed.';
COMMENT ON COLUMN builds.record_timestamp_ms IS 'Timestamp of the record that made this row, milliseconds since 1970.';
COMMENT ON COLUMN builds.stream IS 'Stream of the record that made this row.';
COMMENT ON COLUMN builds.partition IS 'Partition of that record.';
COMMENT ON COLUMN builds."offset" IS 'Offset of that record.';
