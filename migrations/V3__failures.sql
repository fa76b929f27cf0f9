-- Records that could not be stored as events, with their bytes, until somebody retries or discards them.

CREATE TABLE failures (
    stream integer NOT NULL REFERENCES streams,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    timestamp_ms bigint NOT NULL,
    event_time timestamptz,
    checksum bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    last_attempt_at timestamptz NOT NULL DEFAULT now(),
    discarded_at timestamptz,
    error_class text NOT NULL,
    error_message text NOT NULL,
    error_chain text[] NOT NULL DEFAULT '{}',
    entity_id text,
    event_type text,
    event_version text,
    key bytea,
    headers json,
    value bytea,
    value_schema text,
    PRIMARY KEY (stream, partition, "offset")
);
COMMENT ON TABLE failures IS 'Records that could not be stored as events.';
COMMENT ON COLUMN failures.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN failures.partition IS 'Kafka partition.';
COMMENT ON COLUMN failures."offset" IS 'Kafka offset.';
COMMENT ON COLUMN failures.created_at IS 'When it arrived.';
COMMENT ON COLUMN failures.timestamp_ms IS 'The record''s timestamp in milliseconds since 1970.';
COMMENT ON COLUMN failures.event_time IS 'When the event happened, where decoding got that far.';
COMMENT ON COLUMN failures.checksum IS 'As in events.';
COMMENT ON COLUMN failures.attempts IS 'How often it was tried.';
COMMENT ON COLUMN failures.last_attempt_at IS 'When it was last tried.';
COMMENT ON COLUMN failures.discarded_at IS 'When a person discarded it: its bytes are gone, its coordinates stay known.';
COMMENT ON COLUMN failures.error_class IS 'The kind of fault, for grouping.';
COMMENT ON COLUMN failures.error_message IS 'One line for a person.';
COMMENT ON COLUMN failures.error_chain IS 'The causes behind it, outermost first.';
COMMENT ON COLUMN failures.entity_id IS 'Which thing the event is about, where decoding got that far.';
COMMENT ON COLUMN failures.event_type IS 'What happened, likewise.';
COMMENT ON COLUMN failures.event_version IS 'Version of the event''s shape, likewise.';
COMMENT ON COLUMN failures.key IS 'Record key, bytes as they arrived.';
COMMENT ON COLUMN failures.headers IS 'Record headers, as in events.';
COMMENT ON COLUMN failures.value IS 'Record value, bytes as they arrived; base64 text where that could not be decoded.';
COMMENT ON COLUMN failures.value_schema IS 'What the mapping''s schema registry said of the value: data format and schema id.';
