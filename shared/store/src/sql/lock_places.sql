-- lock_places
SELECT p.stream FROM stream_partitions p
JOIN unnest($1, $2) AS n (stream, partition) ON n.stream = p.stream AND n.partition = p.partition
ORDER BY p.stream, p.partition
FOR NO KEY UPDATE OF p
