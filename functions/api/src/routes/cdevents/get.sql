-- get_cdevent
-- The identity says in which month the row is.
SELECT c.id, c.source, c.type, c."timestamp", c.imported_at, c.subject, c.predicate, c.version, c.subject_id, c.subject_source, c.chain_id,
    c.problems, c.payload
FROM cdevents_identities i
JOIN cdevents c ON c."timestamp" = i."timestamp" AND c.id = i.id AND c.source = i.source AND c.type = i.type
WHERE i.id = $1 AND ($2 IS NULL OR i.source = $2) AND ($3 IS NULL OR i.type = $3)
LIMIT 2
