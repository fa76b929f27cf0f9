-- unpack_all
-- Makes narrow rows of the packed rows of these records. Each record looks for its row after those
-- before it, so a row is unpacked once.
SELECT unpack_events(n.stream, n.partition, n."offset") FROM unnest($1, $2, $3) AS n (stream, partition, "offset")
