-- failures_summary
SELECT s.topic, s.group_id, c.error_class, sum(c.open)::bigint AS count
FROM failure_counts c
JOIN streams s ON s.id = c.stream
WHERE c.open > 0
    AND ($1 IS NULL OR s.topic = ANY ($1))
    AND ($2 IS NULL OR s.group_id = $2)
    AND ($3 IS NULL OR c.partition = $3)
    AND ($4 IS NULL OR c.error_class = $4)
GROUP BY s.topic, s.group_id, c.error_class
ORDER BY s.topic, s.group_id, c.error_class
