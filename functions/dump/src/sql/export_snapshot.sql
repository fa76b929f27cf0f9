-- export_snapshot
-- The statement by which another transaction sees what this one sees; SET takes no parameters.
SELECT format('SET TRANSACTION SNAPSHOT %L', pg_export_snapshot()) AS statement
