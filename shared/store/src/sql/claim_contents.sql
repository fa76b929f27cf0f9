-- claim_contents
INSERT INTO event_contents (group_id, digest)
SELECT $1, n.digest FROM unnest($2) AS n (digest)
ORDER BY n.digest
ON CONFLICT DO NOTHING
RETURNING digest
