-- lock_all_streams
SELECT p.stream FROM stream_partitions p ORDER BY p.stream, p.partition FOR NO KEY UPDATE OF p
