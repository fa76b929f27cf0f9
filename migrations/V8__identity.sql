-- What a topic is beside its name, so that one that was made again, or lost its end, is not taken for the one that is stored.

ALTER TABLE streams ADD COLUMN topic_id text;
COMMENT ON COLUMN streams.topic_id IS 'The id that Kafka gave the topic when it was made, in Kafka''s own notation; null where the broker tells none.';

ALTER TABLE stream_partitions ADD COLUMN leader_epoch integer;
COMMENT ON COLUMN stream_partitions.leader_epoch IS 'The leader epoch in which reading last began: what was stored since is of it or of an earlier one. Null where the broker tells none.';

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
COMMENT ON TABLE stream_contradictions IS 'Partitions of which the broker has something else than what is stored. A row stays until `weir topic reset` begins a new stream.';
COMMENT ON COLUMN stream_contradictions.stream IS 'The stream.';
COMMENT ON COLUMN stream_contradictions.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_contradictions.first_offset IS 'The first offset of which the broker is known to have something else, or nothing.';
COMMENT ON COLUMN stream_contradictions.end_offset IS 'The offset behind the last one that is stored.';
COMMENT ON COLUMN stream_contradictions.what IS 'What was found, in a line.';
COMMENT ON COLUMN stream_contradictions.found_at IS 'When.';
