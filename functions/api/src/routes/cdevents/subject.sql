-- get_subject
SELECT s.kind, s.id, s.first_seen, s.last_at, s.outcome, p.predicates, s.properties::json, s.payload::json, h.history, g.edges
FROM api.subjects s
CROSS JOIN LATERAL (
    SELECT coalesce(json_object_agg(e.key, to_char(e.value::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') ORDER BY e.value::timestamptz, e.key), '{}') AS predicates
    FROM jsonb_each_text(s.predicates) AS e
) AS p
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_object('id', c.id, 'source', c.source, 'type', c.type,
        'timestamp', to_char(c."timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'predicate', c.predicate, 'chain_id', c.chain_id)), '[]') AS history
    FROM (
        SELECT * FROM cdevents e WHERE e.subject_id = s.id AND e.subject = s.kind
        ORDER BY e."timestamp" DESC, e.id DESC, e.source DESC, e.type DESC LIMIT 100
    ) AS c
) AS h
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_object('from_kind', e.from_kind, 'from_id', e.from_id, 'relation', e.relation,
        'to_kind', e.to_kind, 'to_id', e.to_id, 'at', to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'event_id', e.event_id)), '[]') AS edges
    FROM (
        (SELECT *, 0 AS side FROM api.graph_edges o WHERE o.from_id = s.id AND o.from_kind = s.kind ORDER BY o.relation, o.to_kind, o.to_id LIMIT 100)
        UNION ALL
        (SELECT *, 1 FROM api.graph_edges i WHERE i.to_id = s.id AND i.to_kind = s.kind ORDER BY i.relation, i.from_kind, i.from_id LIMIT 100)
        ORDER BY side, relation, from_kind, from_id, to_kind, to_id
    ) AS e
) AS g
WHERE s.kind = $1 AND s.id = $2
