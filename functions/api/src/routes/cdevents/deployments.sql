-- list_deployments
SELECT d.environment_id, d.service_id, d.artifact_id, d.version, d.since, d.change, d.event_id
FROM api.deployed_at(coalesce($3, now())) AS d
WHERE ($4 IS NULL OR d.environment_id = $4)
    AND ($5 IS NULL OR d.service_id = $5)
    AND ($6 IS NULL OR (d.environment_id, d.service_id) > ($6, $7))
ORDER BY d.environment_id, d.service_id
LIMIT $1 OFFSET $2
