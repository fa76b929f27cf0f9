-- series_days
-- Returns the days between $2 and $3 with rows or changes, as days since 1970.
SELECT DISTINCT s.day - date '1970-01-01' AS day FROM series_days($1::text::regclass, $2, $3) s ORDER BY 1
