-- count_all_models
-- Counts the delivered offsets that are in no gap, and reads neither the log nor failures.
SELECT s.topic, sum(p.next_offset - coalesce(g.open, 0))::bigint AS settled,
    (SELECT coalesce(sum(c.open), 0)::bigint FROM failure_counts c WHERE c.stream = ANY (array_agg(s.id))) AS failures
FROM streams s
JOIN stream_partitions p ON p.stream = s.id
LEFT JOIN LATERAL (
    SELECT sum(end_offset - first_offset)::bigint AS open FROM stream_gaps WHERE stream = p.stream AND partition = p.partition
) AS g ON true
GROUP BY s.topic
