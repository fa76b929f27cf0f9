-- open_incidents
-- Which incidents are open, since when, and on which version of what?
SELECT id AS incident, service_id AS service, environment_id AS environment, api.purl_version(artifact_id) AS version,
    coalesce(detected_at, reported_at) AS since, description
FROM api.incident
WHERE resolved_at IS NULL AND coalesce(detected_at, reported_at) IS NOT NULL
ORDER BY since
