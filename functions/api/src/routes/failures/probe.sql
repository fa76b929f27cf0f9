-- probe_failures
-- Counts the failures that each filter selects: those of a text up to $10, and those of all filters
-- that failure_counts knows. The order makes the planner stop at $10 index entries.
SELECT
    (SELECT count(*) FROM (SELECT FROM failures f WHERE f.discarded_at IS NULL AND f.entity_id IS NOT NULL
        AND hashtextextended(f.entity_id, 0) = hashtextextended($4, 0) ORDER BY coalesce(f.event_time, '-infinity') DESC LIMIT $10) AS n) AS entities,
    (SELECT count(*) FROM (SELECT FROM failures f WHERE f.discarded_at IS NULL AND f.event_type IS NOT NULL
        AND hashtextextended(f.event_type, 0) = hashtextextended($5, 0) ORDER BY coalesce(f.event_time, '-infinity') DESC LIMIT $10) AS n) AS types,
    (SELECT count(*) FROM (SELECT FROM failures f WHERE f.discarded_at IS NULL AND f.event_version IS NOT NULL
        AND hashtextextended(f.event_version, 0) = hashtextextended($6, 0) ORDER BY coalesce(f.event_time, '-infinity') DESC LIMIT $10) AS n) AS versions,
    (SELECT coalesce(sum(c.open), 0)::bigint FROM failure_counts c
        WHERE ($1 IS NULL AND $2 IS NULL
                OR c.stream = ANY (ARRAY (SELECT r.id FROM streams r WHERE ($1 IS NULL OR r.topic = ANY ($1)) AND ($2 IS NULL OR r.group_id = $2))))
            AND ($3 IS NULL OR c.partition = $3)
            AND ($9 IS NULL OR c.error_class = $9)) AS counted,
    (SELECT coalesce(sum(c.open), 0)::bigint FROM failure_counts c) AS open
