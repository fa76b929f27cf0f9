-- drop_series_month
SELECT drop_series_month($1::text::regclass, $2) AS records
