-- contradictions
SELECT s.topic, c.partition, c.first_offset, c.end_offset, c.what
FROM stream_contradictions c
JOIN streams s ON s.id = c.stream
WHERE s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY s.topic, c.partition
LIMIT 100
