-- register_streams
INSERT INTO streams (topic, group_id, epoch)
SELECT DISTINCT wanted.topic, wanted.group_id, 0
FROM unnest($1, $2) AS wanted (group_id, topic)
WHERE NOT EXISTS (SELECT FROM streams s WHERE s.topic = wanted.topic AND s.group_id = wanted.group_id)
ORDER BY 1
ON CONFLICT DO NOTHING
