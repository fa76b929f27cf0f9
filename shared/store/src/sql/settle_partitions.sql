-- settle_partitions
UPDATE stream_partitions p SET next_offset = n.next_offset, updated_at = now()
FROM unnest($1, $2, $3) AS n (stream, partition, next_offset)
WHERE p.stream = n.stream AND p.partition = n.partition
