CREATE TABLE totals (
    stream integer NOT NULL,
    day date NOT NULL,
    event_type text NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (stream, day, event_type)
) WITH (fillfactor = 70);
COMMENT ON TABLE totals IS 'Events per stream, day and type.';
COMMENT ON COLUMN totals.stream IS 'The stream (public.streams).';
COMMENT ON COLUMN totals.day IS 'The UTC day of the event''s time; of its arrival if the event has no time.';
COMMENT ON COLUMN totals.event_type IS 'The type of the event; empty if the event has no type.';
COMMENT ON COLUMN totals.events IS 'The number of events.';
