-- list_events
SELECT s.topic, s.group_id, page.partition, page."offset",
    nullif(page.stream, (SELECT min(first.id) FROM streams first WHERE first.topic = s.topic)) AS later_stream,
    page.entity_id, page.event_time, page.event_type, page.event_version, encode(page.checksum, 'hex') AS checksum, page.arrived_at,
    nullif(page.outcome, 'event') AS not_event, page.reason, page.payload::text AS payload,
    CASE WHEN page.payload IS NULL THEN page.raw END AS raw
-- The page is cut first, so that the payloads of other pages are never read.
FROM (
    SELECT *
    FROM events e
    WHERE ($3 IS NULL AND $4 IS NULL
            OR e.stream = ANY (ARRAY (SELECT f.id FROM streams f WHERE ($3 IS NULL OR f.topic = $3) AND ($4 IS NULL OR f.group_id = $4))))
        AND ($5 IS NULL OR e.partition = $5)
        AND ($6 IS NULL OR e.entity_id = $6)
        AND ($7 IS NULL OR e.event_type = $7)
        AND ($8 IS NULL OR e.event_version = $8)
        AND ($9 IS NULL OR e.event_time >= $9)
        AND ($10 IS NULL OR e.event_time < $10)
        AND ($11 IS NULL OR e.outcome = $11)
    ORDER BY e.event_time DESC NULLS LAST, e.arrived_at DESC, e.stream DESC, e.partition DESC, e."offset" DESC
    LIMIT $1 OFFSET $2
) page
JOIN streams s ON s.id = page.stream
ORDER BY page.event_time DESC NULLS LAST, page.arrived_at DESC, page.stream DESC, page.partition DESC, page."offset" DESC
