-- lock_day
SELECT FROM dump_locks WHERE model = $1 AND day = date '1970-01-01' + $2 FOR UPDATE
