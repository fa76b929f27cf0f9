-- reopen_day
SELECT reopen_series_day(s.series_table, $2, $3) FROM series_tables() s WHERE s.model = $1
