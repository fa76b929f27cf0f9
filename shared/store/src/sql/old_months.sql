-- old_months
SELECT m.month_table FROM event_months() m WHERE m.month_end <= $1 AND m.month_end <= now() ORDER BY m.month_begin
