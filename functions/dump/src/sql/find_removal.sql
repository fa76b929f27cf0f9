-- find_removal
SELECT FROM removed_days r
WHERE r.model = $1 AND date '1970-01-01' + $2 >= r.first_day AND date '1970-01-01' + $2 < r.end_day
