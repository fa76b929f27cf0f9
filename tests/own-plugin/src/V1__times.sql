CREATE TABLE times (
    build uuid PRIMARY KEY,
    project uuid NOT NULL,
    steps_ms bigint NOT NULL
);
COMMENT ON TABLE times IS 'The duration of the steps of each build.';
COMMENT ON COLUMN times.build IS 'The id of the build.';
COMMENT ON COLUMN times.project IS 'The project of the build.';
COMMENT ON COLUMN times.steps_ms IS 'The sum of the durations of the steps, in milliseconds; the longest one of all events.';
