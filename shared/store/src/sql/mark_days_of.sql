-- mark_days_of
SELECT mark_days_of($1, (coalesce(quote_ident($2) || '.', '') || quote_ident($3))::regclass, $4)
