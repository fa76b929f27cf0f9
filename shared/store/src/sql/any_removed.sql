-- any_removed
-- Returns a row if retention has removed records of the streams $1 that are not in the archive.
SELECT FROM event_removals r
WHERE r.stream = ANY ($1)
GROUP BY r.stream, r.partition, r.month_table
HAVING sum(r.records) > (
    SELECT coalesce(sum(a.records), 0)
    FROM archived_ranges a
    JOIN archived_files f ON f.id = a.file
    WHERE a.stream = r.stream AND a.partition = r.partition AND f.month_table = r.month_table)
LIMIT 1
