-- get_cdevent
SELECT id, source, type, "timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems,
    payload
FROM cdevents
WHERE id = $1 AND ($2 IS NULL OR source = $2) AND ($3 IS NULL OR type = $3)
LIMIT 2
