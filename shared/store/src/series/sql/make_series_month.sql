-- make_series_month
SELECT make_series_month($1::text::regclass, $2) AS made
