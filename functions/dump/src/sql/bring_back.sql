-- bring_back
-- The records of the day $1 are in the log again: $2 streams, $3 partitions, $4 numbers of records.
-- A month that was dropped twice has several removals.
WITH returned AS (
    DELETE FROM archived_files f WHERE f.day = date '1970-01-01' + $1
)
UPDATE event_removals r SET records = r.records - n.records
FROM unnest($2, $3, $4) AS n (stream, partition, records)
WHERE r.stream = n.stream AND r.partition = n.partition AND r.month_table = 'events_' || to_char(date '1970-01-01' + $1, 'YYYY_MM')
    AND r.removed_at = (
        SELECT min(o.removed_at) FROM event_removals o
        WHERE o.stream = r.stream AND o.partition = r.partition AND o.month_table = r.month_table AND o.records >= n.records)
