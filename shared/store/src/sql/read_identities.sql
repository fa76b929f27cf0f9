-- read_identities
SELECT wanted.n, s.topic_id, p.leader_epoch, p.next_offset, c.first_offset, c.end_offset, c.what
FROM unnest($1, $2, $3) WITH ORDINALITY AS wanted (group_id, topic, partition, n)
JOIN streams s ON s.group_id = wanted.group_id AND s.topic = wanted.topic
JOIN stream_partitions p ON p.stream = s.id AND p.partition = wanted.partition
LEFT JOIN stream_contradictions c ON c.stream = p.stream AND c.partition = p.partition
WHERE s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
