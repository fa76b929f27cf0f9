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
-- This index serves the API's list. The start of a build never changes either.
CREATE INDEX builds_newest ON builds (time_started, id);
COMMENT ON TABLE builds IS 'The state of each build: the maximum of its events by (reaped, time_updated, record timestamp, stream, partition, offset).';
COMMENT ON COLUMN builds.id IS 'The id of the build.';
COMMENT ON COLUMN builds.project_id IS 'The project of the build.';
COMMENT ON COLUMN builds.request_id IS 'The request that started the build.';
COMMENT ON COLUMN builds.branch_name IS 'The name of the branch.';
COMMENT ON COLUMN builds.branch_url IS 'The URL of the branch.';
COMMENT ON COLUMN builds.commit_ref IS 'The commit.';
COMMENT ON COLUMN builds.commit_url IS 'The URL of the commit.';
COMMENT ON COLUMN builds.pr_name IS 'The title of the pull request.';
COMMENT ON COLUMN builds.pr_number IS 'The number of the pull request, as text.';
COMMENT ON COLUMN builds.pr_description IS 'The description of the pull request.';
COMMENT ON COLUMN builds.pr_url IS 'The URL of the pull request.';
COMMENT ON COLUMN builds.bytes_real IS 'The disk space that the build uses, in bytes.';
COMMENT ON COLUMN builds.bytes_virtual IS 'The disk space that the build sees from inside, in bytes.';
COMMENT ON COLUMN builds.config IS 'The configuration of the build.';
COMMENT ON COLUMN builds.pinned IS 'Whether the build is protected from removal.';
COMMENT ON COLUMN builds.reaped IS 'Whether the build was removed. A removed build never becomes unremoved.';
COMMENT ON COLUMN builds.reaped_reason IS '0 unknown, 1 account over its disk limit, 2 too many builds on the branch, 3 on the pull request, 4 pull request closed, 5 deleted by hand.';
COMMENT ON COLUMN builds.reaped_reason_text IS 'The reason of the removal as text.';
COMMENT ON COLUMN builds.reaped_date IS 'The time of the removal.';
COMMENT ON COLUMN builds.status_build IS 'The status of the build, any text.';
COMMENT ON COLUMN builds.status_submitted IS 'The status that was submitted to the code host.';
COMMENT ON COLUMN builds.steps IS 'The steps of the build with their results.';
COMMENT ON COLUMN builds.time_started IS 'The time at which the build was created.';
COMMENT ON COLUMN builds.time_updated IS 'The time of the last change of the build.';
COMMENT ON COLUMN builds.record_timestamp_ms IS 'The timestamp of the record of this row, in milliseconds since 1970.';
COMMENT ON COLUMN builds.stream IS 'The stream of the record of this row.';
COMMENT ON COLUMN builds.partition IS 'The partition of the record of this row.';
COMMENT ON COLUMN builds."offset" IS 'The offset of the record of this row.';
