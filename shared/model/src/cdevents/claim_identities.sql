-- claim_identities
-- Inserts the identities that do not exist, and locks the others. The next statement then sees the
-- rows that other transactions committed meanwhile. An event of a month that retention removed is
-- left out, here and in the next statement.
INSERT INTO cdevents_identities AS kept (id, source, type, "timestamp")
SELECT n.id, n.source, n.type, n."timestamp"
FROM unnest($1, $2, $3, $4) AS n (id, source, type, "timestamp")
WHERE NOT coalesce((SELECT range_agg(tstzrange(r.from_time, r.to_time)) FROM series_removals r WHERE r.model = 'cdevents') @> n."timestamp", false)
ORDER BY n.id COLLATE "C", n.source COLLATE "C", n.type COLLATE "C"
ON CONFLICT (id, source, type) DO UPDATE SET "timestamp" = kept."timestamp" WHERE false
