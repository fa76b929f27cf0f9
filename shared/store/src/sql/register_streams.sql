-- register_streams
INSERT INTO streams (topic, group_id, epoch)
SELECT DISTINCT wanted.topic, $1, 0
FROM unnest($2) AS wanted (topic)
WHERE NOT EXISTS (SELECT FROM streams s WHERE s.topic = wanted.topic AND s.group_id = $1)
ORDER BY 1
ON CONFLICT DO NOTHING
