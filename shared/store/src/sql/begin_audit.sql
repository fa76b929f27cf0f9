-- begin_audit
-- Writes nothing if the row exists: the request was sent a second time.
INSERT INTO audit (id, source, actor, actor_proof, action, request_id) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO NOTHING
