-- delete_failure
DELETE FROM failures WHERE stream = $1 AND partition = $2 AND "offset" = $3 AND discarded_at IS NULL
