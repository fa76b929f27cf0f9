-- day_states
-- $1 destination, $2 models, $3 and $4 the first and the last day, counted since 1970. Returns
-- every day that has a change or a dump at any destination, with its state: missing, stale or
-- dumped. A snapshot in the future belongs to another database. A day that retention removed
-- counts as dumped, or as unknown if it has no dump.
WITH known AS (
    SELECT c.model, c.day FROM day_changes c WHERE c.model = ANY ($2)
    UNION
    SELECT d.model, d.day FROM dumps d WHERE d.model = ANY ($2)
)
SELECT k.model, k.day - date '1970-01-01' AS day,
    CASE
        WHEN r.model IS NOT NULL THEN 'dumped'
        WHEN d.model IS NULL OR d.snapshot IS NULL AND d.dumped_at IS NULL THEN 'missing'
        WHEN d.snapshot IS NULL
            OR pg_snapshot_xmax(d.snapshot) > pg_snapshot_xmax(pg_current_snapshot())
            OR EXISTS (SELECT FROM day_changes c WHERE c.model = k.model AND c.day = k.day AND NOT pg_visible_in_snapshot(c.xid, d.snapshot))
            THEN 'stale'
        ELSE 'dumped'
    END AS standing,
    d.records AS rows, d.bytes, d.dumped_at, d.verified_at
FROM known k
LEFT JOIN dumps d ON d.model = k.model AND d.day = k.day AND d.destination = $1
LEFT JOIN removed_days r ON r.model = k.model AND k.day >= r.first_day AND k.day < r.end_day
WHERE k.day BETWEEN date '1970-01-01' + $3 AND date '1970-01-01' + $4
    AND (r.model IS NULL OR d.dumped_at IS NOT NULL)
ORDER BY k.day DESC, k.model
