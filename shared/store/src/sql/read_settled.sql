-- read_settled
SELECT now() AS begun_at, p.stream, s.topic, p.partition, p.next_offset,
    ARRAY(SELECT g.first_offset FROM stream_gaps g
        WHERE g.stream = p.stream AND g.partition = p.partition AND g.end_offset > wanted.first AND g.first_offset <= wanted.last
        ORDER BY g.first_offset) AS gap_starts,
    ARRAY(SELECT g.end_offset FROM stream_gaps g
        WHERE g.stream = p.stream AND g.partition = p.partition AND g.end_offset > wanted.first AND g.first_offset <= wanted.last
        ORDER BY g.first_offset) AS gap_ends
FROM streams s
JOIN stream_partitions p ON p.stream = s.id
JOIN unnest($2, $3, $4, $5) AS wanted (topic, partition, first, last)
    ON wanted.topic = s.topic AND wanted.partition = p.partition
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
