-- read_event_types
SELECT t.id, t.stream, t.skipped, t.event_type, t.event_version FROM event_types t
