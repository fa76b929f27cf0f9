-- The identity of a topic. It distinguishes a recreated or truncated topic from the stored one.

ALTER TABLE streams ADD COLUMN topic_id text;
COMMENT ON COLUMN streams.topic_id IS 'The id that Kafka assigned to the topic at its creation, in Kafka''s notation. Null if the broker does not return an id.';

ALTER TABLE stream_partitions ADD COLUMN leader_epoch integer;
COMMENT ON COLUMN stream_partitions.leader_epoch IS 'The leader epoch at the last start of reading. The records stored since then have this epoch or an earlier one. Null if the broker does not return an epoch.';

CREATE TABLE stream_contradictions (
    stream integer NOT NULL,
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    end_offset bigint NOT NULL,
    what text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition),
    FOREIGN KEY (stream, partition) REFERENCES stream_partitions
);
COMMENT ON TABLE stream_contradictions IS 'Partitions whose stored records differ from the broker''s log. A row stays until `weir topic reset` begins a new stream.';
COMMENT ON COLUMN stream_contradictions.stream IS 'The stream.';
COMMENT ON COLUMN stream_contradictions.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_contradictions.first_offset IS 'The first offset at which the broker has a different record, or none.';
COMMENT ON COLUMN stream_contradictions.end_offset IS 'The offset after the last stored one.';
COMMENT ON COLUMN stream_contradictions.what IS 'The description of the contradiction, in one line.';
COMMENT ON COLUMN stream_contradictions.found_at IS 'The time.';
