-- describe_stream
SELECT s.id AS stream, s.epoch, count(p.stream) AS partitions, coalesce(sum(p.next_offset), 0)::bigint AS offsets
FROM streams s
LEFT JOIN stream_partitions p ON p.stream = s.id
WHERE s.group_id = $1 AND s.topic = $2
GROUP BY s.id
ORDER BY s.epoch DESC
LIMIT 1
