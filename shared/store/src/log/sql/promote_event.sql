-- promote_event
-- This changes the day of the log in which the record arrived.
WITH promoted AS (
    UPDATE events SET outcome = 'event', reason = NULL, entity_id = $4, event_time = $5, event_type = $6, event_version = $7, problems = $8
    WHERE stream = $1 AND partition = $2 AND "offset" = $3 AND outcome = 'skipped'
    RETURNING arrived_at
), marked AS (
    INSERT INTO day_changes (model, day)
    SELECT DISTINCT 'events', (p.arrived_at AT TIME ZONE 'UTC')::date FROM promoted p
    ON CONFLICT DO NOTHING
)
SELECT count(*) AS promoted FROM promoted
