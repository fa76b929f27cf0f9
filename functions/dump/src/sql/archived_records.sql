-- archived_records
-- The number of archived records of the day $1, null if the day is not archived.
SELECT sum(f.records)::bigint AS records FROM archived_files f WHERE f.day = date '1970-01-01' + $1
