-- continue_audit
-- Changes nothing if the part $2 was begun before, if the command has ended, or if the row is one
-- of another command or of another actor.
UPDATE audit SET parts = $2 + 1, request_id = $3, active_at = now()
WHERE id = $1 AND parts = $2 AND ended_at IS NULL AND action = $4 AND (actor_proof = 'none' OR actor = $5)
