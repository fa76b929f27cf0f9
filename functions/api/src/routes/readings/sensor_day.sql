-- sensor_day
SELECT date_bin($3::bigint * interval '1 microsecond', "timestamp", $2) AS start, avg(value) AS average
FROM readings
WHERE sensor = $1 AND "timestamp" >= $2 AND "timestamp" < $2 + interval '1 day'
GROUP BY 1
ORDER BY 1
