-- make_migration_lock
-- The lock is a table, because any user who can connect can take an advisory lock. Two processes
-- may create it at the same time.
DO $$
BEGIN
    IF to_regclass('public.migration_lock') IS NULL THEN
        CREATE TABLE public.migration_lock (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row));
        COMMENT ON TABLE public.migration_lock IS 'A process that migrates locks the only row.';
        COMMENT ON COLUMN public.migration_lock.only_row IS 'True.';
        REVOKE ALL ON public.migration_lock FROM PUBLIC;
    END IF;
    INSERT INTO public.migration_lock DEFAULT VALUES ON CONFLICT DO NOTHING;
EXCEPTION WHEN duplicate_table OR duplicate_object OR unique_violation THEN NULL;
END
$$
