-- next_stream_id
-- Ids that are given from now on are above those that were restored.
SELECT setval(pg_get_serial_sequence('streams', 'id'), greatest((SELECT max(s.id) FROM streams s), (SELECT q.last_value FROM streams_id_seq q)))
