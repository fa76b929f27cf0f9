-- Where records come from, and which of them are settled.

CREATE TABLE streams (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    group_id text NOT NULL,
    epoch integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, group_id, epoch)
);
COMMENT ON TABLE streams IS 'The registry of streams: a topic as one consumer group reads it, since it was last made anew.';
COMMENT ON COLUMN streams.id IS 'The short id that every record carries.';
COMMENT ON COLUMN streams.topic IS 'Kafka topic.';
COMMENT ON COLUMN streams.group_id IS 'Kafka consumer group; each topic is handled once per group.';
COMMENT ON COLUMN streams.epoch IS '0, then one more each time that the topic was made anew and offsets began again (weir topic reset). The highest one is current.';
COMMENT ON COLUMN streams.created_at IS 'When its first record was seen, or the reset was called.';

CREATE TABLE stream_partitions (
    stream integer NOT NULL REFERENCES streams,
    partition integer NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE stream_partitions IS 'How far each partition is settled. Everything that writes records of a partition locks its row first.';
COMMENT ON COLUMN stream_partitions.stream IS 'The stream.';
COMMENT ON COLUMN stream_partitions.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_partitions.next_offset IS 'Every offset below it is settled (in events, in failures, or removed on purpose) or lies in a gap.';
COMMENT ON COLUMN stream_partitions.updated_at IS 'When next_offset last changed.';

CREATE TABLE stream_gaps (
    stream integer NOT NULL,
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    end_offset bigint NOT NULL CHECK (end_offset > first_offset),
    opened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, partition, first_offset),
    FOREIGN KEY (stream, partition) REFERENCES stream_partitions
);
COMMENT ON TABLE stream_gaps IS 'Ranges below next_offset that were never delivered: a record in one of them is new.';
COMMENT ON COLUMN stream_gaps.stream IS 'The stream.';
COMMENT ON COLUMN stream_gaps.partition IS 'Kafka partition.';
COMMENT ON COLUMN stream_gaps.first_offset IS 'First offset of the range.';
COMMENT ON COLUMN stream_gaps.end_offset IS 'The offset after the last one of the range.';
COMMENT ON COLUMN stream_gaps.opened_at IS 'When a later record came first.';
