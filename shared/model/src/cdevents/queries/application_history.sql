-- application_history
-- What happened to an application in production (deployments, rollbacks, incidents), latest first?
SELECT at, change, api.purl_version(artifact_id) AS version, event_id AS event
FROM api.service_changes
WHERE service_id = 'shop' AND environment_id = 'production'
ORDER BY at DESC
LIMIT 10
