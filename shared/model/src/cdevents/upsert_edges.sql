-- upsert_edges
INSERT INTO cdevents_edges AS kept (from_id, from_kind, relation, to_id, to_kind, event)
SELECT n.from_id, n.from_kind, n.relation, n.to_id, n.to_kind, (n.at, n.type, n.source, n.id)::cdevents_event
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS n (from_id, from_kind, relation, to_id, to_kind, at, type, source, id)
ON CONFLICT (from_id, from_kind, relation, to_id, to_kind) DO UPDATE SET event = excluded.event
WHERE excluded.event < kept.event
