-- promote_event
-- This changes the day of the log in which the record arrived. The record's timestamp stays, also
-- where it was the time of the event.
WITH promoted AS (
    UPDATE event_records e SET reason = NULL, entity_id = $4, event_time = $5, problems = $8,
        timestamp_ms = nullif(coalesce(e.timestamp_ms, (date_part('epoch', e.event_time) * 1000)::bigint), (date_part('epoch', $5) * 1000)::bigint),
        type_id = t.id, event_type = CASE WHEN t.id IS NULL THEN $6 END, event_version = CASE WHEN t.id IS NULL THEN $7 END
    FROM (VALUES (1)) AS always (one)
    LEFT JOIN event_types t ON t.stream = $1 AND NOT t.skipped AND t.event_type IS NOT DISTINCT FROM $6 AND t.event_version IS NOT DISTINCT FROM $7
    WHERE e.stream = $1 AND e.partition = $2 AND e."offset" = $3 AND e.reason IS NOT NULL
    RETURNING e.arrived_at
), marked AS (
    INSERT INTO day_changes (model, day)
    SELECT DISTINCT 'events', (p.arrived_at AT TIME ZONE 'UTC')::date FROM promoted p
    ON CONFLICT DO NOTHING
)
SELECT count(*) AS promoted FROM promoted
