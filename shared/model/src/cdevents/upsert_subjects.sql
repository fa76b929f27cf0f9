-- upsert_subjects
INSERT INTO cdevents_subjects AS kept (
    kind, id, first_seen, others, last, outcome, properties, abandoned_at, closed_at, created_at, deleted_at,
    deployed_at, detected_at, downloaded_at, finished_at, merged_at, modified_at, packaged_at, published_at, queued_at,
    removed_at, reported_at, resolved_at, reviewed_at, rolledback_at, signed_at, skipped_at, started_at, updated_at,
    upgraded_at)
SELECT n.kind, n.id, n.first_seen, n.others::jsonb,
    CASE WHEN n.last_at IS NOT NULL THEN (n.last_at, n.last_type, n.last_source, n.last_id)::cdevents_event END,
    CASE WHEN n.outcome_at IS NOT NULL THEN (n.outcome_at, n.outcome)::cdevents_value END,
    CASE WHEN n.properties_at IS NOT NULL THEN (n.properties_at, n.properties)::cdevents_value END,
    n.abandoned_at, n.closed_at, n.created_at, n.deleted_at, n.deployed_at, n.detected_at, n.downloaded_at,
    n.finished_at, n.merged_at, n.modified_at, n.packaged_at, n.published_at, n.queued_at, n.removed_at, n.reported_at,
    n.resolved_at, n.reviewed_at, n.rolledback_at, n.signed_at, n.skipped_at, n.started_at, n.updated_at, n.upgraded_at
FROM unnest(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
    $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
    AS n (
        kind, id, first_seen, others, last_at, last_type, last_source, last_id, outcome_at, outcome, properties_at,
        properties, abandoned_at, closed_at, created_at, deleted_at, deployed_at, detected_at, downloaded_at,
        finished_at, merged_at, modified_at, packaged_at, published_at, queued_at, removed_at, reported_at, resolved_at,
        reviewed_at, rolledback_at, signed_at, skipped_at, started_at, updated_at, upgraded_at)
ON CONFLICT (kind, id) DO UPDATE SET
    first_seen = least(kept.first_seen, excluded.first_seen),
    others = CASE WHEN excluded.others IS NULL THEN kept.others ELSE cdevents_latest(kept.others, excluded.others) END,
    last = greatest(kept.last, excluded.last),
    outcome = greatest(kept.outcome, excluded.outcome),
    properties = greatest(kept.properties, excluded.properties),
    abandoned_at = greatest(kept.abandoned_at, excluded.abandoned_at),
    closed_at = greatest(kept.closed_at, excluded.closed_at),
    created_at = greatest(kept.created_at, excluded.created_at),
    deleted_at = greatest(kept.deleted_at, excluded.deleted_at),
    deployed_at = greatest(kept.deployed_at, excluded.deployed_at),
    detected_at = greatest(kept.detected_at, excluded.detected_at),
    downloaded_at = greatest(kept.downloaded_at, excluded.downloaded_at),
    finished_at = greatest(kept.finished_at, excluded.finished_at),
    merged_at = greatest(kept.merged_at, excluded.merged_at),
    modified_at = greatest(kept.modified_at, excluded.modified_at),
    packaged_at = greatest(kept.packaged_at, excluded.packaged_at),
    published_at = greatest(kept.published_at, excluded.published_at),
    queued_at = greatest(kept.queued_at, excluded.queued_at),
    removed_at = greatest(kept.removed_at, excluded.removed_at),
    reported_at = greatest(kept.reported_at, excluded.reported_at),
    resolved_at = greatest(kept.resolved_at, excluded.resolved_at),
    reviewed_at = greatest(kept.reviewed_at, excluded.reviewed_at),
    rolledback_at = greatest(kept.rolledback_at, excluded.rolledback_at),
    signed_at = greatest(kept.signed_at, excluded.signed_at),
    skipped_at = greatest(kept.skipped_at, excluded.skipped_at),
    started_at = greatest(kept.started_at, excluded.started_at),
    updated_at = greatest(kept.updated_at, excluded.updated_at),
    upgraded_at = greatest(kept.upgraded_at, excluded.upgraded_at)
-- A thing that an event only names mostly has no new values. Then the row is not updated.
WHERE excluded.last IS NOT NULL
    OR excluded.first_seen < kept.first_seen
    OR excluded.properties IS NOT NULL AND (kept.properties IS NULL OR excluded.properties > kept.properties)
