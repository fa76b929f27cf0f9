-- export_snapshot
-- Returns the statement with which another transaction uses this snapshot. SET takes no parameters.
SELECT format('SET TRANSACTION SNAPSHOT %L', pg_export_snapshot()) AS statement
