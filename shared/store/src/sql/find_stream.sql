-- find_stream
SELECT min(s.id) AS stream FROM streams s WHERE s.topic = $1 AND ($2 IS NULL OR s.id = $2)
