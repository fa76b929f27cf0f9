-- register_partitions
-- $4: where a partition's first batch begins, where nobody asks the broker; null where somebody does. A topic that was made anew is
-- read from wherever the group stood in the old one, which says nothing.
INSERT INTO stream_partitions (stream, partition, begin_offset)
SELECT s.id, wanted.partition, CASE WHEN s.epoch = 0 THEN wanted.begin END
FROM streams s
JOIN unnest($2, $3, $4) AS wanted (topic, partition, begin) ON wanted.topic = s.topic
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY 1, 2
ON CONFLICT DO NOTHING
