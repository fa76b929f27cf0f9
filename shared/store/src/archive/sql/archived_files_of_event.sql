-- archived_files_of_event
SELECT f.topic, f.destination, f.path, f.bytes, f.sha256, f.records, f.newest, ARRAY[s.id] AS streams, ARRAY[s.group_id] AS groups
FROM (SELECT s.id, s.group_id FROM streams s WHERE s.topic = $1 AND ($2 IS NULL OR s.id = $2) ORDER BY s.id LIMIT 1) AS s
JOIN archived_ranges a ON a.stream = s.id
JOIN archived_files f ON f.id = a.file
WHERE a.partition = $3 AND a.first_offset <= $4 AND a.last_offset >= $4
ORDER BY f.day DESC
