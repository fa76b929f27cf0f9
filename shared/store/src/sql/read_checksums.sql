-- read_checksums
-- Both aggregates get the rows in the same order. The order does not matter, and sorting here costs
-- more than reading.
SELECT wanted.n, found.offsets, found.checksums
FROM unnest($1, $2, $3, $4, $5) AS wanted (n, stream, partition, first, last)
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(stored."offset"), '{}') AS offsets, coalesce(string_agg(stored.checksum, ''), '') AS checksums
    FROM (
        SELECT e."offset", e.checksum FROM events e
        WHERE e.stream = wanted.stream AND e.partition = wanted.partition AND e."offset" BETWEEN wanted.first AND wanted.last
        UNION ALL
        SELECT f."offset", f.checksum FROM failures f
        WHERE f.stream = wanted.stream AND f.partition = wanted.partition AND f."offset" BETWEEN wanted.first AND wanted.last
    ) AS stored
) AS found
