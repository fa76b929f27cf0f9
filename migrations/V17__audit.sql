-- Who ran which command, when, and how it ended.

CREATE TABLE audit (
    id uuid PRIMARY KEY,
    source text NOT NULL,
    actor text NOT NULL,
    actor_proof text NOT NULL,
    action text NOT NULL,
    request_id text,
    database_user text NOT NULL DEFAULT session_user,
    began_at timestamptz NOT NULL DEFAULT now(),
    active_at timestamptz NOT NULL DEFAULT now(),
    parts integer NOT NULL DEFAULT 1,
    progress text,
    ended_at timestamptz,
    exit_status smallint,
    outcome text,
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX audit_began_at ON audit (began_at);
COMMENT ON TABLE audit IS 'One row for each command that was run by the function admin, and for each command of weir that changes data. The row is written before the command begins, and completed at its end. A row without an end, and without activity for 15 minutes, is one of a command that was killed.';
COMMENT ON COLUMN audit.id IS 'The id of the use. It is chosen before the first request, so that a repeated request does not run the command twice.';
COMMENT ON COLUMN audit.source IS 'Where the command ran: admin for the function of AWS, weir for the program on a machine.';
COMMENT ON COLUMN audit.actor IS 'Who ran it: the ARN of the AWS identity, or the user and the host of the machine.';
COMMENT ON COLUMN audit.actor_proof IS 'How the actor is known: sts if AWS confirmed the ARN to the function; none if the caller only said so.';
COMMENT ON COLUMN audit.action IS 'The command line, without secrets.';
COMMENT ON COLUMN audit.request_id IS 'The id of the last request to Lambda. CloudTrail has the caller of each request if it records data events of the function.';
COMMENT ON COLUMN audit.database_user IS 'The database user that wrote the row.';
COMMENT ON COLUMN audit.began_at IS 'When the command began.';
COMMENT ON COLUMN audit.active_at IS 'The last sign of life.';
COMMENT ON COLUMN audit.parts IS 'The number of invocations of the function so far. A long command takes several.';
COMMENT ON COLUMN audit.progress IS 'The progress at active_at, for people.';
COMMENT ON COLUMN audit.ended_at IS 'When the command ended; null while it runs, and if it was killed.';
COMMENT ON COLUMN audit.exit_status IS 'The exit status of the command; null if it was stopped.';
COMMENT ON COLUMN audit.outcome IS 'How it ended: done; failed; asked, if it changed nothing because it needs a confirmation; stopped, if it was ended because its time was over.';
