-- lock_days
-- NOWAIT, because a dump holds its lock for as long as it reads.
SELECT FROM dump_locks l
WHERE l.model = $1 AND l.day >= ($2 AT TIME ZONE 'UTC')::date AND l.day < ($3 AT TIME ZONE 'UTC')::date
ORDER BY l.day
FOR UPDATE NOWAIT
