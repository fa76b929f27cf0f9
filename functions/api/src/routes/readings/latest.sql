-- latest_readings
-- Steps from sensor to sensor on the primary key, and reads the last row of each.
WITH RECURSIVE sensors AS (
    (SELECT sensor FROM readings ORDER BY sensor LIMIT 1)
    UNION ALL
    SELECT (SELECT n.sensor FROM readings n WHERE n.sensor > s.sensor ORDER BY n.sensor LIMIT 1)
    FROM sensors s
    WHERE s.sensor IS NOT NULL
)
SELECT s.sensor, r.value
FROM sensors s
CROSS JOIN LATERAL (SELECT k.value FROM readings k WHERE k.sensor = s.sensor ORDER BY k."timestamp" DESC LIMIT 1) AS r
WHERE s.sensor IS NOT NULL AND s.sensor <> ALL ($1)
LIMIT $2
