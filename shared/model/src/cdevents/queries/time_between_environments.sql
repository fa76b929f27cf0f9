-- time_between_environments
-- How long did each version of a service take from staging to production, the latest first?
SELECT s.service_id AS service, s.version, min(p.at) - min(s.at) AS took
FROM api.deployments s
JOIN api.deployments p ON p.artifact_id = s.artifact_id AND p.service_id = s.service_id AND p.environment_id = 'production'
WHERE s.environment_id = 'staging' AND s.service_id = 'checkout'
GROUP BY s.service_id, s.version
ORDER BY min(p.at) DESC
LIMIT 5
