-- note_contradictions
INSERT INTO stream_contradictions (stream, partition, first_offset, end_offset, what)
SELECT p.stream, p.partition, found.first_offset, found.end_offset, found.what
FROM unnest($1, $2, $3, $4, $5, $6) AS found (group_id, topic, partition, first_offset, end_offset, what)
JOIN streams s ON s.group_id = found.group_id AND s.topic = found.topic
JOIN stream_partitions p ON p.stream = s.id AND p.partition = found.partition
WHERE s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ON CONFLICT DO NOTHING
