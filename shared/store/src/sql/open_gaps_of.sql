-- open_gaps_of
SELECT s.topic, g.partition, greatest(g.first_offset, coalesce(p.begin_offset, 0)) AS first_offset, g.end_offset
FROM stream_gaps g
JOIN stream_partitions p ON p.stream = g.stream AND p.partition = g.partition
JOIN streams s ON s.id = g.stream
WHERE g.end_offset > coalesce(p.begin_offset, CASE WHEN g.first_offset = 0 THEN g.end_offset ELSE 0 END)
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
ORDER BY s.topic, g.partition, g.first_offset
LIMIT $1
