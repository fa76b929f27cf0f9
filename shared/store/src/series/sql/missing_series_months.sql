-- missing_series_months
SELECT m.series_table::text AS series_table, m.month_begin FROM missing_series_months($1) m
