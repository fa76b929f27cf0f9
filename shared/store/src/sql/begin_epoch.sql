-- begin_epoch
INSERT INTO streams (topic, group_id, epoch)
SELECT s.topic, s.group_id, max(s.epoch) + 1
FROM streams s
WHERE s.group_id = $1 AND s.topic = $2
GROUP BY s.topic, s.group_id
RETURNING id
