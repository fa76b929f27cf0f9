-- progress_audit
UPDATE audit SET progress = $2, active_at = now() WHERE id = $1 AND ended_at IS NULL
