-- forget_removed_days
-- A single statement is a transaction. If it is lost, the next run repeats it.
DELETE FROM day_changes c USING removed_days r WHERE r.model = c.model AND c.day >= r.first_day AND c.day < r.end_day
