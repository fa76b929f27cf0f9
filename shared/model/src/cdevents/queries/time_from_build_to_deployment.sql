-- time_from_build_to_deployment
-- How long after the end of its build did an artifact come to each environment?
SELECT b.id AS build, d.environment_id AS environment, d.version, d.at - b.finished_at AS after
FROM api.build b
JOIN api.graph_edges e ON e.from_id = b.id AND e.from_kind = 'build' AND e.relation = 'produced'
JOIN api.deployments d ON d.artifact_id = e.to_id
WHERE d.service_id = 'search' AND d.change <> 'rolledback'
ORDER BY d.at DESC
LIMIT 6
