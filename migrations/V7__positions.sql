-- Where a stream begins: what the broker had dropped before that was never ours to lose.

ALTER TABLE stream_partitions ADD COLUMN begin_offset bigint;
COMMENT ON COLUMN stream_partitions.begin_offset IS 'Where the stream begins: the first offset that the broker had when the partition was first read. A gap below it is no loss. Null while nobody has asked the broker.';
