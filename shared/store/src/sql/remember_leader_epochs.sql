-- remember_leader_epochs
UPDATE stream_partitions p SET leader_epoch = wanted.leader_epoch
FROM unnest($1, $2, $3, $4) AS wanted (group_id, topic, partition, leader_epoch)
JOIN streams s ON s.group_id = wanted.group_id AND s.topic = wanted.topic
WHERE p.stream = s.id AND p.partition = wanted.partition AND wanted.leader_epoch IS NOT NULL
    AND p.leader_epoch IS DISTINCT FROM wanted.leader_epoch
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
