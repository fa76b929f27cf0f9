-- copy_slice_statement
-- $1 schema or null, $2 table, $3 columns, $4 which of them are read as text, $5 the key's first column, $6 its type, $7 which values of it, in the
-- order that they are wanted in, $8 the column of the day, $9 and $10 where the slice begins and ends.
SELECT format(
    CASE WHEN cardinality($7) = 1
        THEN 'COPY (SELECT %1$s FROM %2$s AS t WHERE t.%3$I = %4$L::%5$s AND t.%6$I >= %7$L AND t.%6$I < %8$L ORDER BY t.%6$I) TO STDOUT (FORMAT binary)'
        ELSE 'COPY (SELECT %1$s FROM unnest(%4$L::text[]) WITH ORDINALITY AS given (value, place)
            JOIN %2$s AS t ON t.%3$I = given.value::%5$s AND t.%6$I >= %7$L AND t.%6$I < %8$L ORDER BY given.place, t.%6$I) TO STDOUT (FORMAT binary)'
    END,
    (SELECT string_agg(format(CASE WHEN c.name = ANY ($4) THEN 't.%I::text' ELSE 't.%I' END, c.name), ', ' ORDER BY c.place)
        FROM unnest($3) WITH ORDINALITY AS c (name, place)),
    coalesce(quote_ident($1) || '.', '') || quote_ident($2),
    $5, CASE WHEN cardinality($7) = 1 THEN $7[1] ELSE $7::text END, $6, $8, $9, $10)
