-- lock_restored
-- Partitions that are there, sorted, as ingest locks them.
SELECT p.stream FROM stream_partitions p
JOIN unnest($1, $2) AS wanted (stream, partition) ON wanted.stream = p.stream AND wanted.partition = p.partition
ORDER BY p.stream, p.partition
FOR NO KEY UPDATE OF p
