-- forget_identities
DELETE FROM cdevents_identities i
WHERE (SELECT range_agg(tstzrange(r.from_time, r.to_time)) FROM series_removals r WHERE r.model = 'cdevents') @> i."timestamp"
