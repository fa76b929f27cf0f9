-- api.dora place by place, each along the deployments' key, so that a quarter's changes are not sorted as text; and publications found by
-- their artifact in an index of their own, which one event in twenty is in.

CREATE INDEX IF NOT EXISTS cdevents_publications ON cdevents (subject_id, "timestamp") WHERE subject = 'artifact' AND predicate = 'published';

CREATE OR REPLACE FUNCTION api.dora(from_instant timestamptz, to_instant timestamptz, service text DEFAULT NULL, environment text DEFAULT NULL)
RETURNS TABLE (deployments bigint, deployments_per_day double precision, lead_time interval, failed bigint, change_failure_rate double precision,
    restored bigint, time_to_restore interval)
LANGUAGE sql STABLE PARALLEL SAFE
-- It takes longer to compile than to run; and no place is asked for twice.
SET jit = off
SET enable_memoize = off
-- For the median of a quarter's lead times.
SET work_mem = '16MB'
AS $$
    WITH changes AS (
        SELECT p.environment_id, p.service_id, c.at, c.artifact_id, c.is_deployment, c.next_failed
        FROM api.placements p
        CROSS JOIN LATERAL (
            SELECT k.at, k.artifact_id, k.change IN ('deployed', 'upgraded') AS is_deployment,
                -- At one instant the deployment comes before what went wrong with it.
                lead(k.change NOT IN ('deployed', 'upgraded')) OVER (
                    ORDER BY k.at, k.change NOT IN ('deployed', 'upgraded'), k.change, k.artifact_id) AS next_failed
            FROM api.service_changes k
            WHERE k.environment_id = p.environment_id AND k.service_id = p.service_id
                AND k.at >= from_instant AND k.at < to_instant AND k.change <> 'removed') c
        WHERE (service IS NULL OR p.service_id = service) AND (environment IS NULL OR p.environment_id = environment)
    ), judged AS (
        SELECT coalesce(d.next_failed, (
                -- The next deployment may come, or fail to, after the window.
                SELECT k.change NOT IN ('deployed', 'upgraded') FROM api.service_changes k
                WHERE k.environment_id = d.environment_id AND k.service_id = d.service_id AND k.at >= to_instant AND k.change <> 'removed'
                ORDER BY k.at, k.change NOT IN ('deployed', 'upgraded')
                LIMIT 1), false) AS failed,
            d.at - (
                SELECT c."timestamp" FROM api.cdevents c
                WHERE c.subject_id = d.artifact_id AND c.subject = 'artifact' AND c.predicate = 'published' AND c."timestamp" <= d.at
                ORDER BY c."timestamp" DESC
                LIMIT 1) AS lead_time
        FROM changes d
        WHERE d.is_deployment
        -- Judged once, however often it is asked for.
        OFFSET 0
    ), restorations AS MATERIALIZED (
        SELECT i.resolved_at - (
            SELECT c."timestamp" FROM api.cdevents c
            WHERE c.subject_id = i.id AND c.subject = 'incident' AND c.predicate IN ('detected', 'reported')
            ORDER BY c."timestamp"
            LIMIT 1) AS time_to_restore
        FROM api.incident i
        WHERE i.resolved_at >= from_instant AND i.resolved_at < to_instant
            AND (service IS NULL OR i.service_id = service) AND (environment IS NULL OR i.environment_id = environment)
    ), restored AS (
        SELECT count(r.time_to_restore) AS restored, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.time_to_restore) AS time_to_restore
        FROM restorations r
    )
    SELECT count(*), count(*) / nullif(extract(epoch FROM to_instant - from_instant) / 86400, 0)::double precision,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY j.lead_time), count(*) FILTER (WHERE j.failed),
        count(*) FILTER (WHERE j.failed)::double precision / nullif(count(*), 0), (SELECT restored FROM restored),
        (SELECT time_to_restore FROM restored)
    FROM judged j
$$;
