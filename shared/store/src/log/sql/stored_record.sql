-- stored_record
WITH place AS (
    SELECT s.id AS stream FROM streams s
    WHERE s.group_id = $1 AND s.topic = $2
        AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
), near AS (
    -- The packed rows that can have the nearest record: a row has at most 4,096 offsets.
    SELECT CASE WHEN $5 THEN $4 - 4095 ELSE r.first - 4095 END AS first, CASE WHEN $5 THEN coalesce(r.first, $4) ELSE $4 END AS last
    FROM (
        SELECT CASE WHEN $5
            THEN (SELECT min(p.first_offset) FROM packed_events p, place WHERE p.stream = place.stream AND p.partition = $3 AND p.first_offset >= $4)
            ELSE (SELECT max(p.first_offset) FROM packed_events p, place WHERE p.stream = place.stream AND p.partition = $3 AND p.first_offset <= $4)
            END AS first
    ) AS r
), packed AS (
    SELECT p.first_offset + coalesce(u.place, u.n - 1) AS "offset", uuid_send(u.checksum) AS checksum
    FROM place
    CROSS JOIN near
    JOIN packed_events p ON p.stream = place.stream AND p.partition = $3 AND p.first_offset BETWEEN near.first AND near.last
    CROSS JOIN LATERAL unnest(p.checksums, p.offsets) WITH ORDINALITY AS u (checksum, place, n)
), found AS (
    (SELECT e."offset", e.checksum, NULL::bigint AS first_timestamp, NULL::bigint AS last_timestamp FROM event_records e, place
        WHERE $5 AND e.stream = place.stream AND e.partition = $3 AND e."offset" >= $4 ORDER BY e."offset" LIMIT 1)
    UNION ALL
    (SELECT p."offset", p.checksum, NULL, NULL FROM packed p
        WHERE CASE WHEN $5 THEN p."offset" >= $4 ELSE p."offset" <= $4 END ORDER BY abs(p."offset" - $4) LIMIT 1)
    UNION ALL
    (SELECT f."offset", f.checksum, NULL, NULL FROM failures f, place
        WHERE $5 AND f.stream = place.stream AND f.partition = $3 AND f."offset" >= $4 ORDER BY f."offset" LIMIT 1)
    UNION ALL
    (SELECT e."offset", e.checksum, NULL, NULL FROM event_records e, place
        WHERE NOT $5 AND e.stream = place.stream AND e.partition = $3 AND e."offset" <= $4 ORDER BY e."offset" DESC LIMIT 1)
    UNION ALL
    (SELECT f."offset", f.checksum, NULL, NULL FROM failures f, place
        WHERE NOT $5 AND f.stream = place.stream AND f.partition = $3 AND f."offset" <= $4 ORDER BY f."offset" DESC LIMIT 1)
    UNION ALL
    -- The first and the last record that retention dropped with a month.
    SELECT dropped."offset", NULL, r.first_timestamp_ms, r.last_timestamp_ms
    FROM event_removals r
    JOIN place ON r.stream = place.stream
    CROSS JOIN LATERAL (VALUES (r.first_offset), (r.last_offset)) AS dropped ("offset")
    WHERE r.partition = $3 AND CASE WHEN $5 THEN dropped."offset" >= $4 ELSE dropped."offset" <= $4 END
)
SELECT found."offset", found.checksum, found.first_timestamp, found.last_timestamp
FROM found
ORDER BY abs(found."offset" - $4), found.checksum
LIMIT 1
