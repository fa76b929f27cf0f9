-- begin_snapshot
-- long_read: no timeout, because the time that a day needs is not known.
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
-- With this setting a day is sorted in memory and not on the server's disk.
SET LOCAL work_mem = '64MB';
SET LOCAL jit = off
