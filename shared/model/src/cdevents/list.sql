-- list_cdevents
SELECT id, source, type, "timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems,
    payload::json
FROM cdevents
WHERE ($3 IS NULL OR subject = $3)
    AND ($4 IS NULL OR predicate = $4)
    AND ($5 IS NULL OR subject_id = $5)
    AND ($6 IS NULL OR source = $6)
    AND ($7 IS NULL OR chain_id = $7)
    AND ($8 IS NULL OR "timestamp" >= $8)
    AND ($9 IS NULL OR "timestamp" < $9)
    AND ($10 IS NULL OR "timestamp" <= $10 AND ("timestamp", id, source, type) < ($10, $11, $12, $13))
ORDER BY "timestamp" DESC, id DESC, source DESC, type DESC
LIMIT $1 OFFSET $2
