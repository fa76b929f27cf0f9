-- copy_out_statement
-- COPY takes no parameters, so PostgreSQL writes the statement itself and quotes what is in it.
-- $1 schema or null, $2 table, $3 columns, $4 which of them are read as text, $5 the columns of the order, $6 the column of the day or
-- null, $7 and $8 where the time begins and ends, $9 a column of which only some values are wanted or null, $10 its type, $11 those values.
SELECT format('COPY (SELECT %s FROM %s AS t%s%s ORDER BY %s) TO STDOUT (FORMAT binary)',
    (SELECT string_agg(format(CASE WHEN c.name = ANY ($4) THEN 't.%I::text' ELSE 't.%I' END, c.name), ', ' ORDER BY c.place)
        FROM unnest($3) WITH ORDINALITY AS c (name, place)),
    coalesce(quote_ident($1) || '.', '') || quote_ident($2),
    CASE WHEN $6 IS NULL THEN ' WHERE true' ELSE format(' WHERE t.%I >= %L AND t.%I < %L', $6, $7, $6, $8) END,
    CASE WHEN $9 IS NULL THEN ''
        -- Said with =, the order by the key is the order by the rest of it.
        WHEN cardinality($11) = 1 THEN format(' AND t.%I = %L::%s', $9, $11[1], $10)
        ELSE format(' AND t.%I = ANY (%L::%s[])', $9, $11, $10) END,
    (SELECT string_agg(format('t.%I', c.name), ', ' ORDER BY c.place) FROM unnest($5) WITH ORDINALITY AS c (name, place))) AS statement
