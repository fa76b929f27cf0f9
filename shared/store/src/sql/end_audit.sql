-- end_audit
UPDATE audit SET outcome = $2, exit_status = $3, ended_at = now(), active_at = now(), progress = NULL
WHERE id = $1 AND ended_at IS NULL
