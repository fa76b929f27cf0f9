-- release_claim
DELETE FROM event_contents c
USING failures f
WHERE c.group_id = $1 AND c.digest = $2
    AND f.stream = $3 AND f.partition = $4 AND f."offset" = $5 AND f.created_at = c.seen_at
    AND num_nonnulls(f.entity_id, f.event_time, f.event_type, f.event_version) > 0
