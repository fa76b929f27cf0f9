-- values_statement
-- $1 schema or null, $2 table, $3 the key's first column, $4 its type, $5 the column of the day, $6
-- and $7 the begin and the end of the day, $8 the last value of the previous page or null, $9 the
-- maximum number of values. The returned statement steps from value to value along the primary key
-- and does not read every row (a "loose index scan", PostgreSQL's wiki). It returns the values that
-- have a row of the day, in the key's order. In a table that is partitioned by months, the steps
-- read only the month of the day. OFFSET 0 keeps EXISTS from becoming a join, which may return the
-- values in another order.
SELECT format('WITH RECURSIVE steps AS (
        (SELECT t.%1$I AS value FROM %2$s AS t WHERE %3$s AND %8$s ORDER BY t.%1$I LIMIT 1)
        UNION ALL
        SELECT (SELECT t.%1$I FROM %2$s AS t WHERE t.%1$I > s.value AND %8$s ORDER BY t.%1$I LIMIT 1) FROM steps AS s WHERE s.value IS NOT NULL
    )
    SELECT s.value::text AS value FROM steps AS s
    WHERE s.value IS NOT NULL AND EXISTS (SELECT FROM %2$s AS t WHERE t.%1$I = s.value AND t.%4$I >= %5$L AND t.%4$I < %6$L OFFSET 0)
    LIMIT %7$s',
    $3, coalesce(quote_ident($1) || '.', '') || quote_ident($2),
    CASE WHEN $8 IS NULL THEN 'true' ELSE format('t.%I > %L::%s', $3, $8, $4) END,
    $5, $6, $7, $9,
    CASE WHEN EXISTS (SELECT FROM pg_partitioned_table p WHERE p.partrelid = to_regclass(coalesce(quote_ident($1) || '.', '') || quote_ident($2)))
        THEN format('t.%1$I >= %2$L AND t.%1$I < %3$L', $5, date_trunc('month', $6 AT TIME ZONE 'UTC') AT TIME ZONE 'UTC',
            (date_trunc('month', $6 AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC')
        ELSE 'true' END) AS statement
