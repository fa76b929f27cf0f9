-- record_dump
-- A single statement is a transaction. It makes itself durable, as weir-store's begin does. $4 is
-- the snapshot in which the rows were read. The changes that are visible in it are in the files and
-- are deleted. Dumps at other destinations become stale if such a change is not visible in their
-- own snapshot.
WITH recorded AS (
    UPDATE dumps SET snapshot = $4::text::pg_snapshot, records = $5, bytes = $6, dumped_at = $7, verified_at = NULL
    WHERE destination = $1 AND model = $2 AND day = date '1970-01-01' + $3
    RETURNING 1
), seen AS (
    DELETE FROM day_changes c
    WHERE c.model = $2 AND c.day = date '1970-01-01' + $3 AND pg_visible_in_snapshot(c.xid, $4::text::pg_snapshot)
    RETURNING c.xid
), others AS (
    UPDATE dumps o SET snapshot = NULL
    WHERE o.model = $2 AND o.day = date '1970-01-01' + $3 AND o.destination <> $1 AND o.snapshot IS NOT NULL
        AND EXISTS (SELECT FROM seen WHERE NOT pg_visible_in_snapshot(seen.xid, o.snapshot))
)
SELECT count(*) AS recorded, CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN set_config('synchronous_commit', 'on', true) END AS durable
FROM recorded
