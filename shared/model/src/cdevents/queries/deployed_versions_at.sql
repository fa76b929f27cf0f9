-- deployed_versions_at
-- Which version of each service was in which environment a week ago, and since when?
SELECT environment_id AS environment, service_id AS service, version, since
FROM api.deployed_at(now() - interval '7 days')
ORDER BY environment, service
