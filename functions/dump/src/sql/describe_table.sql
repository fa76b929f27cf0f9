-- describe_table
-- $1 schema or null, $2 table. Returns the columns in their order, with their positions in the
-- primary key. Generated columns are not dumped.
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type_name, t.typname::text AS base_type, NOT a.attnotnull AS nullable,
    (SELECT k.place::int FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
        WHERE i.indrelid = a.attrelid AND i.indisprimary AND k.attnum = a.attnum) AS key_place
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(coalesce(quote_ident($1) || '.', '') || quote_ident($2))
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
