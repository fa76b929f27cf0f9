-- note_archived_file
-- $1 the month's table, $2 destination, $3 day, $4 the time of the dump, then the file: $5 topic,
-- $6 path, $7 bytes, $8 SHA-256, $9 and $10 the earliest and the latest time of an event, and its
-- partitions: $11 streams, $12 partitions, $13 first and $14 last offsets, $15 numbers of records.
-- Returns no row if the day was dumped again meanwhile.
WITH noted AS (
    INSERT INTO archived_files (day, topic, month_table, destination, path, bytes, sha256, records, oldest, newest)
    SELECT d.day, $5, $1, d.destination, $6, $7, $8, (SELECT sum(n.records) FROM unnest($15) AS n (records)), $9, $10
    FROM dumps d
    WHERE d.model = 'events' AND d.day = date '1970-01-01' + $3 AND d.destination = $2 AND d.dumped_at = $4 AND d.verified_at IS NOT NULL
    RETURNING id
)
INSERT INTO archived_ranges (file, stream, partition, first_offset, last_offset, records)
SELECT f.id, n.stream, n.partition, n.first_offset, n.last_offset, n.records
FROM noted f
CROSS JOIN unnest($11, $12, $13, $14, $15) AS n (stream, partition, first_offset, last_offset, records)
RETURNING file
