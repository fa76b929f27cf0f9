-- count_counted_failures
SELECT coalesce(sum(c.open), 0)::bigint AS failures
FROM failure_counts c
WHERE ($1 IS NULL AND $2 IS NULL
        OR c.stream = ANY (ARRAY (SELECT r.id FROM streams r WHERE ($1 IS NULL OR r.topic = ANY ($1)) AND ($2 IS NULL OR r.group_id = $2))))
    AND ($3 IS NULL OR c.partition = $3)
    AND ($4 IS NULL OR c.error_class = $4)
