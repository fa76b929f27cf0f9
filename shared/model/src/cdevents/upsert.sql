-- upsert_cdevents
-- Follows claim_identities. The row of an identity may be in another month than the event, and an
-- UPDATE moves it between months; ON CONFLICT could not.
WITH n AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) AS n (id, source, type, "timestamp",
        subject, predicate, version, subject_id, subject_source, chain_id, problems, payload, checksum, arrived_at,
        record_timestamp_ms, stream, partition, "offset")
    WHERE NOT coalesce((SELECT range_agg(tstzrange(r.from_time, r.to_time)) FROM series_removals r WHERE r.model = 'cdevents') @> n."timestamp", false)
), stored AS MATERIALIZED (
    -- OFFSET 0 makes a look-up in one month of each event. The planner does not know that a look-up
    -- reads only one month, and would read all months instead.
    SELECT k.id, k.source, k.type, k."timestamp"
    FROM n
    CROSS JOIN LATERAL (
        SELECT i."timestamp" FROM cdevents_identities i WHERE i.id = n.id AND i.source = n.source AND i.type = n.type OFFSET 0
    ) AS i
    CROSS JOIN LATERAL (
        SELECT c.id, c.source, c.type, c."timestamp" FROM cdevents c
        WHERE c."timestamp" = i."timestamp" AND c.id = n.id AND c.source = n.source AND c.type = n.type OFFSET 0
    ) AS k
), marked AS (
    -- The stored row of an identity may belong to another day than this event.
    INSERT INTO day_changes (model, day)
    SELECT DISTINCT 'cdevents', (k."timestamp" AT TIME ZONE 'UTC')::date
    FROM n JOIN stored k ON (k.id, k.source, k.type) = (n.id, n.source, n.type)
    WHERE k."timestamp" <> n."timestamp"
    ON CONFLICT DO NOTHING
), changed AS (
    UPDATE cdevents AS kept SET
        ("timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload, checksum,
            record_timestamp_ms, stream, partition, "offset") = (
            SELECT f."timestamp", f.imported_at, f.subject, f.predicate, f.version, f.subject_id, f.subject_source, f.chain_id,
                CASE WHEN kept.checksum <> given.checksum OR kept.problems ~ '(^|; )identity reused$' OR given.problems ~ '(^|; )identity reused$'
                    THEN concat_ws('; ', nullif(regexp_replace(f.problems, '(^|; )identity reused$', ''), ''), 'identity reused')
                    ELSE f.problems END,
                f.payload, f.checksum, f.record_timestamp_ms, f.stream, f.partition, f."offset"
            FROM (
                VALUES (kept."timestamp", kept.imported_at, kept.subject, kept.predicate, kept.version, kept.subject_id, kept.subject_source,
                    kept.chain_id, kept.problems, kept.payload, kept.checksum, kept.record_timestamp_ms, kept.stream, kept.partition, kept."offset"),
                -- A replay has the time of the first arrival.
                (given."timestamp", coalesce(given.arrived_at, now()), given.subject, given.predicate, given.version, given.subject_id,
                    given.subject_source, given.chain_id, given.problems, given.payload::jsonb, given.checksum,
                    given.record_timestamp_ms, given.stream, given.partition, given."offset")
            ) AS f ("timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload, checksum,
                record_timestamp_ms, stream, partition, "offset")
            ORDER BY f.record_timestamp_ms, f.stream, f.partition, f."offset"
            LIMIT 1)
    FROM stored s
    JOIN n AS given ON (given.id, given.source, given.type) = (s.id, s.source, s.type)
    WHERE kept."timestamp" = s."timestamp" AND kept.id = s.id AND kept.source = s.source AND kept.type = s.type
        -- The first event of an identity is its row. Other content for the identity only adds a
        -- finding.
        AND ((given.record_timestamp_ms, given.stream, given.partition, given."offset")
                < (kept.record_timestamp_ms, kept.stream, kept.partition, kept."offset")
            OR (kept.checksum <> given.checksum OR given.problems ~ '(^|; )identity reused$')
                AND kept.problems IS DISTINCT FROM concat_ws('; ', nullif(regexp_replace(kept.problems, '(^|; )identity reused$', ''), ''), 'identity reused'))
    RETURNING kept.id, kept.source, kept.type, kept."timestamp"
), inserted AS (
    INSERT INTO cdevents (
        id, source, type, "timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload,
        checksum, record_timestamp_ms, stream, partition, "offset")
    SELECT n.id, n.source, n.type, n."timestamp", coalesce(n.arrived_at, now()), n.subject, n.predicate, n.version, n.subject_id,
        n.subject_source, n.chain_id, n.problems, n.payload::jsonb, n.checksum, n.record_timestamp_ms, n.stream, n.partition, n."offset"
    FROM n
    WHERE NOT EXISTS (SELECT FROM stored s WHERE s.id = n.id AND s.source = n.source AND s.type = n.type)
    RETURNING id, source, type, "timestamp"
), written AS (
    SELECT * FROM changed UNION ALL SELECT * FROM inserted
), placed AS (
    UPDATE cdevents_identities AS i SET "timestamp" = w."timestamp"
    FROM written w
    WHERE i.id = w.id AND i.source = w.source AND i.type = w.type AND i."timestamp" <> w."timestamp"
)
SELECT w.id FROM written w
