-- list_subjects
SELECT s.kind, s.id, s.first_seen, s.last_at, s.outcome, p.predicates, s.properties::json
FROM api.subjects s
CROSS JOIN LATERAL (
    SELECT coalesce(json_object_agg(e.key, to_char(e.value::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') ORDER BY e.value::timestamptz, e.key), '{}') AS predicates
    FROM jsonb_each_text(s.predicates) AS e
) AS p
WHERE s.kind = $3 AND ($4 IS NULL OR s.id > $4)
ORDER BY s.id
LIMIT $1 OFFSET $2
