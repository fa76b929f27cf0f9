-- changed_days
-- A late event of a removed day leaves a mark, and no row.
SELECT DISTINCT c.day - date '1970-01-01' AS day FROM day_changes c
WHERE c.model = $1 AND c.day >= ($2 AT TIME ZONE 'UTC')::date AND c.day < ($3 AT TIME ZONE 'UTC')::date
    AND NOT EXISTS (SELECT FROM series_removals r WHERE r.model = c.model AND c.day >= (r.from_time AT TIME ZONE 'UTC')::date
        AND c.day < (r.to_time AT TIME ZONE 'UTC')::date)
