-- register_partitions
-- $4 is the first offset of a partition's first batch; null if the reader gets the begin from the
-- broker. It is not stored for a recreated
-- topic, because the group continues there at its offset in the old topic.
INSERT INTO stream_partitions (stream, partition, begin_offset)
SELECT s.id, wanted.partition, CASE WHEN s.epoch = 0 THEN wanted.begin END
FROM streams s
JOIN unnest($2, $3, $4) AS wanted (topic, partition, begin) ON wanted.topic = s.topic
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY 1, 2
ON CONFLICT DO NOTHING
