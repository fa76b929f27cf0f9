-- series_sizes
SELECT s.month_table, s.month_begin, s.month_end, s.bytes, s.records, s.first_time, s.last_time FROM series_sizes($1::text::regclass) s
