-- removals
SELECT r.model, (r.from_time AT TIME ZONE 'UTC')::date - date '1970-01-01' AS first, (r.to_time AT TIME ZONE 'UTC')::date - date '1970-01-01' AS end
FROM series_removals r
