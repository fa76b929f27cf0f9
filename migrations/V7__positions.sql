-- The begin of a stream. Offsets that the broker had deleted before the first read are not lost.

ALTER TABLE stream_partitions ADD COLUMN begin_offset bigint;
COMMENT ON COLUMN stream_partitions.begin_offset IS 'The begin of the stream: the first offset that the broker had when the partition was first read. A gap below it is not a loss. Null until the broker was asked.';
