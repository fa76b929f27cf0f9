CREATE TABLE totals (
    stream integer NOT NULL,
    day date NOT NULL,
    event_type text NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (stream, day, event_type)
) WITH (fillfactor = 70);
COMMENT ON TABLE totals IS 'Events per stream, day and type.';
COMMENT ON COLUMN totals.stream IS 'The stream (public.streams).';
COMMENT ON COLUMN totals.day IS 'UTC day of the event''s own time, of its arrival where it has none.';
COMMENT ON COLUMN totals.event_type IS 'Event type; empty where the event has none.';
COMMENT ON COLUMN totals.events IS 'How many.';
