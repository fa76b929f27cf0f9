-- register_stream
-- Inserts a stream with the id that the rows contain. Does nothing when the id or the stream
-- exists.
INSERT INTO streams (id, topic, group_id, epoch) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
