-- has_rows_statement
-- $1 schema or null, $2 table, $3 the column of the day or null, $4 and $5 the begin and the end of
-- the day. The returned statement tests whether a row exists.
SELECT format('SELECT EXISTS (SELECT FROM %s AS t%s) AS has_rows',
    coalesce(quote_ident($1) || '.', '') || quote_ident($2),
    CASE WHEN $3 IS NULL THEN '' ELSE format(' WHERE t.%I >= %L AND t.%I < %L', $3, $4, $3, $5) END) AS statement
