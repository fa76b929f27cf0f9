-- archived_files
SELECT f.topic, f.destination, f.path, f.bytes, f.sha256, f.records, f.newest, '{}'::integer[] AS streams, '{}'::text[] AS groups
FROM archived_files f
ORDER BY f.day, f.topic
