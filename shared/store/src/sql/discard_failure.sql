-- discard_failure
UPDATE failures SET discarded_at = now(), key = NULL, headers = NULL, value = NULL
WHERE stream = $1 AND partition = $2 AND "offset" = $3 AND discarded_at IS NULL
