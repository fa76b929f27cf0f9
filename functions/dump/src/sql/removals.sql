-- removals
SELECT r.model, r.first_day - date '1970-01-01' AS first, r.end_day - date '1970-01-01' AS end FROM removed_days r
