-- clear_cdevents
WITH subjects AS (DELETE FROM cdevents_subjects),
    edges AS (DELETE FROM cdevents_edges),
    deployments AS (DELETE FROM cdevents_deployments),
    placements AS (DELETE FROM cdevents_placements)
DELETE FROM cdevents
