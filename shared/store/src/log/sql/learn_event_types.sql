-- learn_event_types
-- Gives numbers to types, up to $5 numbers in all, and returns the numbers that these types have.
-- A type that another session adds at the same moment is not returned.
WITH wanted AS (
    SELECT w.stream, w.skipped, w.event_type, w.event_version FROM unnest($1, $2, $3, $4) AS w (stream, skipped, event_type, event_version)
), known AS (
    SELECT t.id, t.stream, t.skipped, t.event_type, t.event_version
    FROM event_types t
    JOIN wanted w ON w.stream = t.stream AND w.skipped = t.skipped
        AND w.event_type IS NOT DISTINCT FROM t.event_type AND w.event_version IS NOT DISTINCT FROM t.event_version
), made AS (
    INSERT INTO event_types (stream, skipped, event_type, event_version)
    SELECT w.stream, w.skipped, w.event_type, w.event_version
    FROM wanted w
    WHERE NOT EXISTS (
        SELECT FROM known k WHERE k.stream = w.stream AND k.skipped = w.skipped
            AND k.event_type IS NOT DISTINCT FROM w.event_type AND k.event_version IS NOT DISTINCT FROM w.event_version)
    ORDER BY w.stream, w.skipped, w.event_type, w.event_version
    LIMIT greatest(0, $5 - (SELECT count(*) FROM event_types))
    ON CONFLICT DO NOTHING
    RETURNING id, stream, skipped, event_type, event_version
)
SELECT f.id, f.stream, f.skipped, f.event_type, f.event_version,
    -- The statement is a transaction, and makes itself durable as begin.sql does.
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN set_config('synchronous_commit', 'on', true) END AS durable
FROM (
    SELECT k.id, k.stream, k.skipped, k.event_type, k.event_version FROM known k
    UNION ALL
    SELECT m.id, m.stream, m.skipped, m.event_type, m.event_version FROM made m
) AS f
