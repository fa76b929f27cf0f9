-- copy_in_statements
-- $1 schema or null, $2 table, $3 columns, $4 their types, $5 the columns that are copied as text.
-- If there are such columns, returns a statement that creates a temporary table, the COPY, and a
-- statement that moves the rows. Otherwise returns only the COPY.
WITH named AS (
    SELECT coalesce(quote_ident($1) || '.', '') || quote_ident($2) AS target,
        string_agg(quote_ident(c.name), ', ' ORDER BY c.place) AS names,
        string_agg(format('%I %s', c.name, CASE WHEN c.name = ANY ($5) THEN 'text' ELSE c.type END), ', ' ORDER BY c.place) AS texts,
        string_agg(format(CASE WHEN c.name = ANY ($5) THEN 'r.%I::' || c.type ELSE 'r.%I' END, c.name), ', ' ORDER BY c.place) AS casts
    FROM unnest($3, $4) WITH ORDINALITY AS c (name, type, place)
)
SELECT
    CASE WHEN cardinality($5) > 0 THEN format('CREATE TEMPORARY TABLE restored_rows (%s) ON COMMIT DROP', n.texts) END AS before_copy,
    format('COPY %s (%s) FROM STDIN (FORMAT binary)', CASE WHEN cardinality($5) > 0 THEN 'restored_rows' ELSE n.target END, n.names) AS copy,
    format('COPY restored_rows (%s) FROM STDIN (FORMAT binary)', n.names) AS copy_to_temporary,
    CASE WHEN cardinality($5) > 0 THEN format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM restored_rows AS r; DROP TABLE restored_rows',
        n.target, n.names, n.casts) END AS after_copy
FROM named n
