-- open_reader
-- Grants the rights of weir_reader. This runs at every migrate, because the role may be newer than
-- the schema.
DO $$
BEGIN
    IF to_regrole('weir_reader') IS NOT NULL THEN
        PERFORM public.open_api();
    END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END
$$
