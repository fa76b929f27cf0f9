-- latest_reading_status
WITH RECURSIVE sensors AS (
    (SELECT sensor FROM readings ORDER BY sensor LIMIT 1)
    UNION ALL
    SELECT (SELECT n.sensor FROM readings n WHERE n.sensor > s.sensor ORDER BY n.sensor LIMIT 1)
    FROM sensors s
    WHERE s.sensor IS NOT NULL
)
SELECT max(r."timestamp") AS newest
FROM sensors s
CROSS JOIN LATERAL (SELECT k."timestamp" FROM readings k WHERE k.sensor = s.sensor ORDER BY k."timestamp" DESC LIMIT 1) AS r
