-- Findings about stored events, for example a time without a time zone or an invalid time.

ALTER TABLE events ADD COLUMN problems text;
COMMENT ON COLUMN events.problems IS 'Findings about the event, separated by ; . Null without findings.';
-- Few events have findings, and their list begins with the newest.
CREATE INDEX events_with_problems ON events ((coalesce(event_time, '-infinity'))) WHERE problems IS NOT NULL;

COMMENT ON COLUMN events.event_time IS 'The time of the event as its model reads it, otherwise the record''s timestamp. Null if that is not a time between the years 0 and 9999, or if Kafka has no timestamp (-1).';
COMMENT ON COLUMN failures.event_time IS 'The time of the event, if it could be read; otherwise the record''s timestamp.';
COMMENT ON COLUMN failures.entity_id IS 'The id of the thing that the event is about, if it could be read.';

CREATE OR REPLACE VIEW api.events AS
SELECT s.topic, s.group_id, s.epoch, e.partition, e."offset", e.arrived_at, e.event_time, e.outcome, e.reason,
    encode(e.key, 'escape') AS key, e.entity_id, e.event_type, e.event_version, e.payload, e.problems
FROM public.events e
JOIN public.streams s ON s.id = e.stream;
COMMENT ON COLUMN api.events.event_time IS 'The time of the event; null if it is unknown.';
COMMENT ON COLUMN api.events.problems IS 'Findings about the event; null without findings.';
COMMENT ON COLUMN api.failures.event_time IS 'The time of the event, if it could be read; otherwise the record''s timestamp.';
COMMENT ON COLUMN api.failures.entity_id IS 'The id of the thing that the event is about, if it could be read.';
