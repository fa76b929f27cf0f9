-- read_positions
-- first_gap is the first gap that the broker can still fill; ranges below the stream's begin are
-- not gaps.
SELECT wanted.n, p.next_offset, p.begin_offset,
    (SELECT g.first_offset FROM stream_gaps g
        WHERE g.stream = p.stream AND g.partition = p.partition AND g.end_offset > greatest(wanted.low, coalesce(p.begin_offset, 0))
        ORDER BY g.first_offset LIMIT 1) AS first_gap
FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS wanted (group_id, topic, partition, low, n)
JOIN streams s ON s.group_id = wanted.group_id AND s.topic = wanted.topic
JOIN stream_partitions p ON p.stream = s.id AND p.partition = wanted.partition
WHERE s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
