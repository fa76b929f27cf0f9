-- begin_snapshot
-- long_read: a day takes as long as it takes.
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
-- A day is sorted in memory rather than on the server's disk.
SET LOCAL work_mem = '64MB';
SET LOCAL jit = off
