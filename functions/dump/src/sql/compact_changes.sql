-- compact_changes
-- A single statement is a transaction. It makes itself durable, as weir-store's begin does. If a
-- day is stale or was never dumped, one change is as good as a thousand. The new change is later
-- than any snapshot of a running dump. So a change that is not visible to that dump stays not
-- visible.
WITH stale AS (
    UPDATE dumps d SET snapshot = NULL
    WHERE d.snapshot IS NOT NULL AND EXISTS (
        SELECT FROM day_changes c WHERE c.model = d.model AND c.day = d.day AND NOT pg_visible_in_snapshot(c.xid, d.snapshot))
    RETURNING d.model, d.day, d.destination
), many AS (
    SELECT c.model, c.day FROM day_changes c GROUP BY c.model, c.day HAVING count(*) > 1
), fit AS (
    SELECT m.model, m.day FROM many m
    WHERE NOT EXISTS (
        SELECT FROM dumps d WHERE d.model = m.model AND d.day = m.day AND d.snapshot IS NOT NULL
            AND NOT EXISTS (SELECT FROM stale s WHERE s.model = d.model AND s.day = d.day AND s.destination = d.destination))
), gone AS (
    DELETE FROM day_changes c USING fit f WHERE c.model = f.model AND c.day = f.day
    RETURNING 1
), kept AS (
    INSERT INTO day_changes (model, day) SELECT f.model, f.day FROM fit f
)
SELECT count(*) AS removed, CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN set_config('synchronous_commit', 'on', true) END AS durable
FROM gone
