-- Indexes behind the lists of the API. What they cost ingest was measured: see the README's decisions.

-- Newest first, without a time last. An event's time never changes, so nothing but inserts touches them.
CREATE INDEX events_newest ON events ((coalesce(event_time, '-infinity')));
CREATE INDEX events_of_entity ON events (entity_id, (coalesce(event_time, '-infinity'))) WHERE entity_id IS NOT NULL;

-- A build's start never changes either, so updates stay HOT.
CREATE INDEX builds_newest ON builds (time_started, id);
