-- register_partitions
INSERT INTO stream_partitions (stream, partition)
SELECT s.id, wanted.partition
FROM streams s
JOIN unnest($2, $3) AS wanted (topic, partition) ON wanted.topic = s.topic
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY 1, 2
ON CONFLICT DO NOTHING
