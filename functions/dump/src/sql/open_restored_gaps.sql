-- open_restored_gaps
INSERT INTO stream_gaps (stream, partition, first_offset, end_offset) SELECT * FROM unnest($1, $2, $3, $4)
