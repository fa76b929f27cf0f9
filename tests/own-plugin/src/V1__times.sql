CREATE TABLE times (
    build uuid PRIMARY KEY,
    project uuid NOT NULL,
    steps_ms bigint NOT NULL
);
COMMENT ON TABLE times IS 'How long the steps of each build took.';
COMMENT ON COLUMN times.build IS 'Build id.';
COMMENT ON COLUMN times.project IS 'Its project.';
COMMENT ON COLUMN times.steps_ms IS 'The sum over its steps in milliseconds, the longest that an event told.';
