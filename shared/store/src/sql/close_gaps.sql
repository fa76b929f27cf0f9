-- close_gaps
DELETE FROM stream_gaps g
USING unnest($1, $2, $3) AS n (stream, partition, first_offset)
WHERE g.stream = n.stream AND g.partition = n.partition AND g.first_offset = n.first_offset
