-- lock_current_stream
SELECT p.stream
FROM stream_partitions p
JOIN streams s ON s.id = p.stream
WHERE s.group_id = $1 AND s.topic = $2
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY p.stream, p.partition
FOR NO KEY UPDATE OF p
