-- copy_out_statement
-- COPY takes no parameters, so PostgreSQL builds the statement and quotes its parts.
-- $1 schema or null, $2 table, $3 columns, $4 the columns that are read as text, $5 the columns of
-- the order, $6 the column of the day or null, $7 and $8 the begin and the end of the time, $9 a
-- column to filter by or null, $10 its type, $11 the wanted values of that column, $12 the value of
-- the column topic, which the log has only in its files, or null.
SELECT format('COPY (SELECT %s FROM %s AS t%s%s ORDER BY %s) TO STDOUT (FORMAT binary)',
    (SELECT string_agg(format(CASE WHEN c.name = 'topic' AND $12 IS NOT NULL THEN '%2$L::text' WHEN c.name = ANY ($4) THEN 't.%1$I::text' ELSE 't.%1$I' END,
            c.name, $12), ', ' ORDER BY c.place)
        FROM unnest($3) WITH ORDINALITY AS c (name, place)),
    coalesce(quote_ident($1) || '.', '') || quote_ident($2),
    CASE WHEN $6 IS NULL THEN ' WHERE true' ELSE format(' WHERE t.%I >= %L AND t.%I < %L', $6, $7, $6, $8) END,
    CASE WHEN $9 IS NULL THEN ''
        -- With =, the planner knows that the order by the key is the order by the rest of the key.
        WHEN cardinality($11) = 1 THEN format(' AND t.%I = %L::%s', $9, $11[1], $10)
        ELSE format(' AND t.%I = ANY (%L::%s[])', $9, $11, $10) END,
    (SELECT string_agg(format('t.%I', c.name), ', ' ORDER BY c.place) FROM unnest($5) WITH ORDINALITY AS c (name, place))) AS statement
