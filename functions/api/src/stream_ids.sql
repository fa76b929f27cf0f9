-- read_stream_ids
SELECT id, topic, group_id, nullif(id, min(id) OVER (PARTITION BY topic)) AS later
FROM streams
