-- clear_cdevents
WITH subjects AS (DELETE FROM cdevents_subjects),
    edges AS (DELETE FROM cdevents_edges),
    deployments AS (DELETE FROM cdevents_deployments),
    placements AS (DELETE FROM cdevents_placements),
    identities AS (DELETE FROM cdevents_identities)
DELETE FROM cdevents
