-- note_begins
-- $4 is the begin offset according to the broker. A partition that was read before begins were
-- stored begins at the end of its first
-- gap, but not above $4.
INSERT INTO stream_partitions AS known (stream, partition, begin_offset)
SELECT s.id, wanted.partition, wanted.begin
FROM unnest($1, $2, $3, $4) AS wanted (group_id, topic, partition, begin)
JOIN streams s ON s.group_id = wanted.group_id AND s.topic = wanted.topic
WHERE s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY 1, 2
ON CONFLICT (stream, partition) DO UPDATE SET begin_offset = least(excluded.begin_offset, coalesce(
    (SELECT g.end_offset FROM stream_gaps g WHERE g.stream = known.stream AND g.partition = known.partition AND g.first_offset = 0),
    CASE WHEN known.next_offset = 0 THEN excluded.begin_offset ELSE 0 END))
WHERE known.begin_offset IS NULL
