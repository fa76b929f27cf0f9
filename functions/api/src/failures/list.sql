-- list_failures
SELECT s.topic, s.group_id, page.partition, page."offset",
    nullif(page.stream, (SELECT min(first.id) FROM streams first WHERE first.topic = s.topic)) AS later_stream,
    page.entity_id, page.event_time, page.event_type, page.event_version, encode(page.checksum, 'hex') AS checksum, page.created_at,
    page.headers::text AS headers, page.error_class, page.error_message, page.error_chain, page.attempts, page.key, page.value
-- The page is cut first, so that the values of other pages are never read.
FROM (
    SELECT *
    FROM failures f
    WHERE f.discarded_at IS NULL
        AND ($3 IS NULL AND $4 IS NULL
            OR f.stream = ANY (ARRAY (SELECT r.id FROM streams r WHERE ($3 IS NULL OR r.topic = $3) AND ($4 IS NULL OR r.group_id = $4))))
        AND ($5 IS NULL OR f.partition = $5)
        AND ($6 IS NULL OR f.entity_id = $6)
        AND ($7 IS NULL OR f.event_type = $7)
        AND ($8 IS NULL OR f.event_version = $8)
        AND ($9 IS NULL OR f.event_time >= $9)
        AND ($10 IS NULL OR f.event_time < $10)
    ORDER BY f.event_time DESC NULLS LAST, f.created_at DESC, f.stream DESC, f.partition DESC, f."offset" DESC
    LIMIT $1 OFFSET $2
) page
JOIN streams s ON s.id = page.stream
ORDER BY page.event_time DESC NULLS LAST, page.created_at DESC, page.stream DESC, page.partition DESC, page."offset" DESC
