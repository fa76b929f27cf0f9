-- read_checksums
SELECT wanted.n, array_agg(stored."offset" ORDER BY stored."offset"), string_agg(stored.checksum, '' ORDER BY stored."offset")
FROM unnest($1, $2, $3, $4, $5) AS wanted (n, stream, partition, first, last)
CROSS JOIN LATERAL (
    SELECT e."offset", e.checksum FROM events e
    WHERE e.stream = wanted.stream AND e.partition = wanted.partition AND e."offset" BETWEEN wanted.first AND wanted.last
    UNION ALL
    SELECT f."offset", f.checksum FROM failures f
    WHERE f.stream = wanted.stream AND f.partition = wanted.partition AND f."offset" BETWEEN wanted.first AND wanted.last
) AS stored
GROUP BY wanted.n
