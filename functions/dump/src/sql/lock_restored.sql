-- lock_restored
-- Locks the existing partitions in sorted order, as ingest does.
SELECT p.stream FROM stream_partitions p
JOIN unnest($1, $2) AS wanted (stream, partition) ON wanted.stream = p.stream AND wanted.partition = p.partition
ORDER BY p.stream, p.partition
FOR NO KEY UPDATE OF p
