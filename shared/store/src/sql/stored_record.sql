-- stored_record
WITH place AS (
    SELECT s.id AS stream FROM streams s
    WHERE s.group_id = $1 AND s.topic = $2
        AND s.epoch = (SELECT max(l.epoch) FROM streams l WHERE l.topic = s.topic AND l.group_id = s.group_id)
), found AS (
    (SELECT e."offset", e.checksum FROM events e, place
        WHERE $5 AND e.stream = place.stream AND e.partition = $3 AND e."offset" >= $4 ORDER BY e."offset" LIMIT 1)
    UNION ALL
    (SELECT f."offset", f.checksum FROM failures f, place
        WHERE $5 AND f.stream = place.stream AND f.partition = $3 AND f."offset" >= $4 ORDER BY f."offset" LIMIT 1)
    UNION ALL
    (SELECT e."offset", e.checksum FROM events e, place
        WHERE NOT $5 AND e.stream = place.stream AND e.partition = $3 AND e."offset" <= $4 ORDER BY e."offset" DESC LIMIT 1)
    UNION ALL
    (SELECT f."offset", f.checksum FROM failures f, place
        WHERE NOT $5 AND f.stream = place.stream AND f.partition = $3 AND f."offset" <= $4 ORDER BY f."offset" DESC LIMIT 1)
)
SELECT found."offset", found.checksum FROM found ORDER BY abs(found."offset" - $4) LIMIT 1
