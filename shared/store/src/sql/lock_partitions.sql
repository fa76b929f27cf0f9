-- lock_partitions
SELECT p.stream, s.topic, p.partition
FROM streams s
JOIN stream_partitions p ON p.stream = s.id
JOIN unnest($2, $3) AS wanted (topic, partition) ON wanted.topic = s.topic AND wanted.partition = p.partition
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY p.stream, p.partition
FOR NO KEY UPDATE OF p
