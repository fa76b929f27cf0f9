-- schema_owner
SELECT quote_ident(coalesce((SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = to_regclass('public.schema_history')), 'weir_owner')) AS owner
