-- register_stream
-- With the id that the rows have; nothing when the id or the stream is there already.
INSERT INTO streams (id, topic, group_id, epoch) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
