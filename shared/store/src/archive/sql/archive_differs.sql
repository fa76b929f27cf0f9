-- archive_differs
-- Returns a row if the files that this transaction stored for the month $1 do not have exactly the
-- records that it removes.
SELECT coalesce(r.stream, a.stream) AS stream, coalesce(r.partition, a.partition) AS partition
FROM (
    SELECT e.stream, e.partition, e.records, e.first_offset, e.last_offset
    FROM event_removals e
    WHERE e.month_table = $1 AND e.removed_at = now()
) AS r
FULL JOIN (
    SELECT n.stream, n.partition, sum(n.records) AS records, min(n.first_offset) AS first_offset, max(n.last_offset) AS last_offset
    FROM archived_ranges n
    JOIN archived_files f ON f.id = n.file
    WHERE f.month_table = $1 AND f.archived_at = now()
    GROUP BY n.stream, n.partition
) AS a ON a.stream = r.stream AND a.partition = r.partition
WHERE (r.records, r.first_offset, r.last_offset) IS DISTINCT FROM (a.records, a.first_offset, a.last_offset)
LIMIT 1
