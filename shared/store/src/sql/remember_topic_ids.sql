-- remember_topic_ids
UPDATE streams s SET topic_id = wanted.topic_id
FROM unnest($1, $2, $3, $4) AS wanted (group_id, topic, partition, topic_id)
WHERE s.group_id = wanted.group_id AND s.topic = wanted.topic AND s.topic_id IS NULL AND wanted.topic_id IS NOT NULL
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
