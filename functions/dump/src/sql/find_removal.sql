-- find_removal
SELECT FROM series_removals r
WHERE r.model = $1 AND (date '1970-01-01' + $2)::timestamp >= r.from_time AT TIME ZONE 'UTC' AND (date '1970-01-01' + $2)::timestamp < r.to_time AT TIME ZONE 'UTC'
