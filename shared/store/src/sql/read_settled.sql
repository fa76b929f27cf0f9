-- read_settled
-- Gaps do not overlap. The first gap that a range can touch is the last one that starts at or below
-- the range's first offset. So the
-- primary key finds the touched gaps quickly, regardless of the number of gaps.
SELECT now() AS begun_at, p.stream, s.topic, p.partition, p.next_offset, coalesce(p.begin_offset, 0) AS begin_offset,
    touched.gap_starts, touched.gap_ends, c.first_offset AS other_first, c.end_offset AS other_end, c.what AS other_what
FROM streams s
JOIN stream_partitions p ON p.stream = s.id
LEFT JOIN stream_contradictions c ON c.stream = p.stream AND c.partition = p.partition
JOIN unnest($2, $3, $4, $5) AS wanted (topic, partition, first, last)
    ON wanted.topic = s.topic AND wanted.partition = p.partition
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(g.first_offset ORDER BY g.first_offset), '{}') AS gap_starts,
        coalesce(array_agg(g.end_offset ORDER BY g.first_offset), '{}') AS gap_ends
    FROM stream_gaps g
    WHERE g.stream = p.stream AND g.partition = p.partition AND g.end_offset > wanted.first AND g.first_offset <= wanted.last
        AND g.first_offset >= coalesce((SELECT b.first_offset FROM stream_gaps b
            WHERE b.stream = p.stream AND b.partition = p.partition AND b.first_offset <= wanted.first
            ORDER BY b.first_offset DESC LIMIT 1), wanted.first)
) AS touched
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
