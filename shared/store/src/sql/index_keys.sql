-- index_keys
-- $1 is an array of schemas. Returns the columns of text or bytes in each B-tree index over all
-- rows of a table.
SELECT n.nspname::text AS schema, c.relname::text AS "table", array_agg(a.attname::text ORDER BY k.place) AS columns
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am m ON m.oid = x.relam
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
JOIN pg_type t ON t.oid = a.atttypid
WHERE n.nspname = ANY ($1) AND m.amname = 'btree' AND i.indpred IS NULL AND (t.typcategory = 'S' OR t.typname = 'bytea')
GROUP BY i.indexrelid, n.nspname, c.relname
ORDER BY n.nspname, c.relname, i.indexrelid
