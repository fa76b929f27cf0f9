-- lock_day
-- Of the session, before the snapshot: one that waits for the lock must not read what was there before it waited.
SELECT pg_advisory_lock(hashtextextended('weir dump ' || $1 || ' ' || $2, 0))
