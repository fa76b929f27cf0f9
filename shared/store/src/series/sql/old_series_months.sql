-- old_series_months
SELECT c.relname::text AS month_table, m.month_begin, m.month_end
FROM old_series_months($1::text::regclass, $2) m
JOIN pg_class c ON c.oid = m.month_table
ORDER BY m.month_begin
