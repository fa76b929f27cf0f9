-- undumped_days
-- Returns the days, of the given ones of the model $3, whose dump at the destination is missing,
-- stale or not verified.
SELECT (date '1970-01-01' + n.day)::text AS day
FROM unnest($1) AS n (day)
WHERE NOT EXISTS (
    SELECT FROM dumps d
    WHERE d.model = $3 AND d.day = date '1970-01-01' + n.day AND d.destination = $2 AND d.verified_at IS NOT NULL
        AND pg_snapshot_xmax(d.snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
        AND NOT EXISTS (
            SELECT FROM day_changes c
            WHERE c.model = d.model AND c.day = d.day AND NOT pg_visible_in_snapshot(c.xid, d.snapshot)))
ORDER BY n.day
