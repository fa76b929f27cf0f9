-- promote_event
UPDATE events SET outcome = 'event', reason = NULL, entity_id = $4, event_time = $5, event_type = $6, event_version = $7
WHERE stream = $1 AND partition = $2 AND "offset" = $3 AND outcome = 'skipped'
