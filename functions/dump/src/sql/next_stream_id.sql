-- next_stream_id
-- Future ids are above the restored ones.
SELECT setval(pg_get_serial_sequence('streams', 'id'), greatest((SELECT max(s.id) FROM streams s), (SELECT q.last_value FROM streams_id_seq q)))
