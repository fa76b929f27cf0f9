-- old_months
SELECT m.month_table, m.month_begin, m.month_end FROM event_months() m WHERE m.month_end <= $1 AND m.month_end <= now() ORDER BY m.month_begin
