-- latest_location
-- The newest instant that both sensors have, among the last 1,000. If the sensors have no common
-- instant, the latest value of each, with the older one's time.
WITH latitudes AS (
    SELECT "timestamp", value FROM readings WHERE sensor = $1 ORDER BY "timestamp" DESC LIMIT 1000
), pair AS (
    SELECT a.value AS latitude, o.value AS longitude, a."timestamp"
    FROM latitudes a
    JOIN readings o ON o.sensor = $2 AND o."timestamp" = a."timestamp"
    ORDER BY a."timestamp" DESC
    LIMIT 1
)
SELECT latitude, longitude, "timestamp" FROM pair
UNION ALL
SELECT a.value, o.value, least(a."timestamp", o."timestamp")
FROM (SELECT * FROM latitudes ORDER BY "timestamp" DESC LIMIT 1) AS a
CROSS JOIN (SELECT "timestamp", value FROM readings WHERE sensor = $2 ORDER BY "timestamp" DESC LIMIT 1) AS o
WHERE NOT EXISTS (SELECT FROM pair)
