-- reconcile
SELECT s.topic, p.partition, p.next_offset, p.begin_offset,
    (SELECT count(*) FROM event_records e WHERE e.stream = p.stream AND e.partition = p.partition)
        + (SELECT coalesce(sum(r.records), 0)::bigint FROM packed_events r WHERE r.stream = p.stream AND r.partition = p.partition)
        + (SELECT count(*) FROM failures f WHERE f.stream = p.stream AND f.partition = p.partition)
        + (SELECT coalesce(sum(r.records), 0)::bigint FROM event_removals r WHERE r.stream = p.stream AND r.partition = p.partition) AS records,
    ARRAY(SELECT g.first_offset FROM stream_gaps g WHERE g.stream = p.stream AND g.partition = p.partition ORDER BY g.first_offset) AS gap_starts,
    ARRAY(SELECT g.end_offset FROM stream_gaps g WHERE g.stream = p.stream AND g.partition = p.partition ORDER BY g.first_offset) AS gap_ends
FROM streams s
JOIN stream_partitions p ON p.stream = s.id
JOIN unnest($2, $3) AS wanted (topic, partition) ON wanted.topic = s.topic AND wanted.partition = p.partition
WHERE s.group_id = $1
    AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
