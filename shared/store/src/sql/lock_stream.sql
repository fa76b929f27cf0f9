-- lock_stream
SELECT p.stream FROM stream_partitions p
WHERE p.stream = $1
ORDER BY p.stream, p.partition
FOR NO KEY UPDATE OF p
