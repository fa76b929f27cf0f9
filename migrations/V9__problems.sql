-- What is not as it should be with an event that is stored all the same: a time without a zone, a time that nobody can read.

ALTER TABLE events ADD COLUMN problems text;
COMMENT ON COLUMN events.problems IS 'What is not as it should be with the event, findings with ; between them; null when nothing is.';
-- They are few, and who asks for them asks for the newest.
CREATE INDEX events_with_problems ON events ((coalesce(event_time, '-infinity'))) WHERE problems IS NOT NULL;

COMMENT ON COLUMN events.event_time IS 'When the event happened, as its model says; else the record''s timestamp; null when that is no instant between the years 0 and 9999, and where Kafka has none (-1).';
COMMENT ON COLUMN failures.event_time IS 'When the event happened, where that could be read; else the record''s timestamp.';
COMMENT ON COLUMN failures.entity_id IS 'Which thing the event is about, where that could be read.';

CREATE OR REPLACE VIEW api.events AS
SELECT s.topic, s.group_id, s.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason,
    encode(e.key, 'escape') AS key, e.entity_id, e.event_type, e.event_version, e.payload, e.problems
FROM public.events e
JOIN public.streams s ON s.id = e.stream;
COMMENT ON COLUMN api.events.event_time IS 'When it happened; null where nobody knows.';
COMMENT ON COLUMN api.events.problems IS 'What is not as it should be with it; null when nothing is.';
COMMENT ON COLUMN api.failures.event_time IS 'When it happened, where that could be read; else the record''s timestamp.';
COMMENT ON COLUMN api.failures.entity_id IS 'Which thing it is about, where that could be read.';
