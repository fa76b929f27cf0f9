-- lock_to_pack
-- Returns no row if another transaction has the lock.
SELECT p.stream FROM stream_partitions p WHERE p.stream = $1 AND p.partition = $2 FOR NO KEY UPDATE SKIP LOCKED
