-- where_a_version_is
-- Where is a version of a service, or where was it, from when until when?
SELECT environment_id AS environment, change, at, until
FROM api.deployment_history('shop')
WHERE version = '1.2.0'
ORDER BY at
