-- refuse_failure
UPDATE failures SET attempts = attempts + 1, last_attempt_at = now(), error_class = $4, error_message = $5,
    error_chain = coalesce(string_to_array(nullif($6, ''), E'\n'), '{}'), event_time = $7, entity_id = $8, event_type = $9, event_version = $10, model = $11
WHERE stream = $1 AND partition = $2 AND "offset" = $3 AND discarded_at IS NULL
