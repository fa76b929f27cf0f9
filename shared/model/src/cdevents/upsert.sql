-- upsert_cdevents
WITH n AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) AS n (id, source, type, "timestamp",
        subject, predicate, version, subject_id, subject_source, chain_id, problems, payload, checksum, arrived_at,
        record_timestamp_ms, stream, partition, "offset")
), marked AS (
    -- The stored row of an identity may belong to another day than this event.
    INSERT INTO day_changes (model, day)
    SELECT DISTINCT 'cdevents', (k."timestamp" AT TIME ZONE 'UTC')::date
    FROM n JOIN cdevents k ON (k.id, k.source, k.type) = (n.id, n.source, n.type)
    WHERE k."timestamp" <> n."timestamp"
    ON CONFLICT DO NOTHING
)
INSERT INTO cdevents AS kept (
    id, source, type, "timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload,
    checksum, record_timestamp_ms, stream, partition, "offset")
SELECT n.id, n.source, n.type, n."timestamp",
    -- A replay has the time of the first arrival.
    coalesce(n.arrived_at, now()),
    n.subject, n.predicate, n.version, n.subject_id, n.subject_source, n.chain_id, n.problems, n.payload::jsonb, n.checksum,
    n.record_timestamp_ms, n.stream, n.partition, n."offset"
FROM n
ON CONFLICT (id, source, type) DO UPDATE SET
    ("timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload, checksum,
        record_timestamp_ms, stream, partition, "offset") = (
        SELECT f."timestamp", f.imported_at, f.subject, f.predicate, f.version, f.subject_id, f.subject_source, f.chain_id,
            CASE WHEN kept.checksum <> excluded.checksum OR kept.problems ~ '(^|; )identity reused$' OR excluded.problems ~ '(^|; )identity reused$'
                THEN concat_ws('; ', nullif(regexp_replace(f.problems, '(^|; )identity reused$', ''), ''), 'identity reused')
                ELSE f.problems END,
            f.payload, f.checksum, f.record_timestamp_ms, f.stream, f.partition, f."offset"
        FROM (
            VALUES (kept."timestamp", kept.imported_at, kept.subject, kept.predicate, kept.version, kept.subject_id, kept.subject_source,
                kept.chain_id, kept.problems, kept.payload, kept.checksum, kept.record_timestamp_ms, kept.stream, kept.partition, kept."offset"),
            (excluded."timestamp", excluded.imported_at, excluded.subject, excluded.predicate, excluded.version, excluded.subject_id,
                excluded.subject_source, excluded.chain_id, excluded.problems, excluded.payload, excluded.checksum,
                excluded.record_timestamp_ms, excluded.stream, excluded.partition, excluded."offset")
        ) AS f ("timestamp", imported_at, subject, predicate, version, subject_id, subject_source, chain_id, problems, payload, checksum,
            record_timestamp_ms, stream, partition, "offset")
        ORDER BY f.record_timestamp_ms, f.stream, f.partition, f."offset"
        LIMIT 1)
-- The first event of an identity is its row. Other content for the identity only adds a finding.
WHERE (excluded.record_timestamp_ms, excluded.stream, excluded.partition, excluded."offset")
        < (kept.record_timestamp_ms, kept.stream, kept.partition, kept."offset")
    OR (kept.checksum <> excluded.checksum OR excluded.problems ~ '(^|; )identity reused$')
        AND kept.problems IS DISTINCT FROM concat_ws('; ', nullif(regexp_replace(kept.problems, '(^|; )identity reused$', ''), ''), 'identity reused')
