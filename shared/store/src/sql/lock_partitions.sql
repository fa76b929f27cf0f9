-- lock_partitions
-- Also sets synchronous_commit as begin does. This is a prepared statement, because unprepared ones
-- slow down small batches.
SELECT p.stream, s.topic, p.partition,
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN set_config('synchronous_commit', 'on', true) END AS durable
FROM streams s
JOIN stream_partitions p ON p.stream = s.id
JOIN unnest($2, $3) AS wanted (topic, partition) ON wanted.topic = s.topic AND wanted.partition = p.partition
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY p.stream, p.partition
FOR NO KEY UPDATE OF p
