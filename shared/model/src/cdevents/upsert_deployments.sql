-- upsert_deployments
WITH n AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
        AS n (environment_id, service_id, at, change, artifact_id, event_at, type, source, id)
), placed AS (
    INSERT INTO cdevents_placements (environment_id, service_id)
    SELECT DISTINCT n.environment_id COLLATE "C", n.service_id COLLATE "C" FROM n ORDER BY 1, 2
    ON CONFLICT DO NOTHING
)
INSERT INTO cdevents_deployments AS kept (environment_id, service_id, at, change, artifact_id, event)
SELECT n.environment_id, n.service_id, n.at, n.change, n.artifact_id, (n.event_at, n.type, n.source, n.id)::cdevents_event
FROM n
ON CONFLICT (environment_id, service_id, at, change, artifact_id) DO UPDATE SET event = excluded.event
WHERE excluded.event < kept.event
