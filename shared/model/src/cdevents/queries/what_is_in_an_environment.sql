-- what_is_in_an_environment
-- What is in an environment now, and for how many days?
SELECT service_id AS service, version, change, floor(extract(epoch FROM now() - since) / 86400) AS days
FROM api.deployed_at(now())
WHERE environment_id = 'production'
ORDER BY service
