-- read_checksums
-- Both aggregates of the rows get them in the same order. The order does not matter, and sorting
-- here costs more than reading.
-- There is one removal for each dropped month, and the primary key finds those of a partition.
SELECT wanted.n, found.offsets, found.checksums,
    removed.first_offsets, removed.last_offsets, removed.first_timestamps, removed.last_timestamps
FROM unnest($1, $2, $3, $4, $5) AS wanted (n, stream, partition, first, last)
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(stored."offset"), '{}') AS offsets, coalesce(string_agg(stored.checksum, ''), '') AS checksums
    FROM (
        SELECT e."offset", e.checksum FROM event_records e
        WHERE e.stream = wanted.stream AND e.partition = wanted.partition AND e."offset" BETWEEN wanted.first AND wanted.last
        UNION ALL
        -- The caller compares only the records that it has, so a row may have others.
        SELECT p.first_offset + coalesce(u.place, u.n - 1), uuid_send(u.checksum)
        FROM packed_events p
        CROSS JOIN LATERAL unnest(p.checksums, p.offsets) WITH ORDINALITY AS u (checksum, place, n)
        WHERE p.stream = wanted.stream AND p.partition = wanted.partition
            AND p.first_offset BETWEEN wanted.first - 4095 AND wanted.last AND p.last_offset >= wanted.first
        UNION ALL
        SELECT f."offset", f.checksum FROM failures f
        WHERE f.stream = wanted.stream AND f.partition = wanted.partition AND f."offset" BETWEEN wanted.first AND wanted.last
    ) AS stored
) AS found
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(r.first_offset), '{}') AS first_offsets, coalesce(array_agg(r.last_offset), '{}') AS last_offsets,
        coalesce(array_agg(r.first_timestamp_ms), '{}') AS first_timestamps, coalesce(array_agg(r.last_timestamp_ms), '{}') AS last_timestamps
    FROM event_removals r
    WHERE r.stream = wanted.stream AND r.partition = wanted.partition
        AND r.first_offset <= wanted.last AND r.last_offset >= wanted.first
) AS removed
