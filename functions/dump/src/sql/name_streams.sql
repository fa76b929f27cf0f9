-- name_streams
SELECT s.id, s.topic, s.group_id, s.epoch FROM streams s WHERE s.id = ANY ($1)
