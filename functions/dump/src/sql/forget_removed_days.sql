-- forget_removed_days
-- A single statement is a transaction. If it is lost, the next run repeats it.
DELETE FROM day_changes c USING series_removals r
WHERE r.model = c.model AND c.day >= (r.from_time AT TIME ZONE 'UTC')::date AND c.day < (r.to_time AT TIME ZONE 'UTC')::date
