-- list_readings
-- There are few sensors, and the primary key begins with the sensor. The statement takes the newest
-- rows of each sensor and sorts them. So the table needs no index on the timestamp, which would
-- slow down ingest. The steps from sensor to sensor read whole months, because a month's index
-- does not skip rows of other times.
WITH RECURSIVE sensors AS (
    (SELECT sensor FROM readings WHERE ($3 IS NULL OR sensor = $3)
        AND ($4 IS NULL OR "timestamp" >= date_trunc('month', $4 AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
    ORDER BY sensor LIMIT 1)
    UNION ALL
    SELECT (SELECT n.sensor FROM readings n WHERE n.sensor > s.sensor AND $3 IS NULL
        AND ($4 IS NULL OR n."timestamp" >= date_trunc('month', $4 AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
    ORDER BY n.sensor LIMIT 1)
    FROM sensors s
    WHERE s.sensor IS NOT NULL
)
SELECT r.sensor, r."timestamp", r.value
FROM sensors s
CROSS JOIN LATERAL (
    SELECT k.sensor, k."timestamp", k.value
    FROM readings k
    WHERE k.sensor = s.sensor
        AND ($4 IS NULL OR k."timestamp" >= $4)
        AND ($5 IS NULL OR k."timestamp" < $5)
        AND ($6 IS NULL OR k."timestamp" <= $6 AND (k."timestamp", k.sensor) < ($6, $7))
    ORDER BY k."timestamp" DESC
    LIMIT $1 + least($2, 1000000000000)
) AS r
WHERE s.sensor IS NOT NULL
ORDER BY r."timestamp" DESC, r.sensor DESC
LIMIT $1 OFFSET $2
