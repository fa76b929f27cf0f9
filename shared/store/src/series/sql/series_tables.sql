-- series_tables
SELECT s.series_table::text AS series_table, s.model FROM series_tables() s ORDER BY s.model
