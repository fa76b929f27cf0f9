-- dora
-- Returns no row if the window begins after its end, for example in the future without an end.
SELECT w.from_instant, w.to_instant, d.deployments, d.deployments_per_day, extract(epoch FROM d.lead_time)::double precision AS lead_seconds, d.failed,
    d.change_failure_rate, d.restored, extract(epoch FROM d.time_to_restore)::double precision AS restore_seconds
FROM (
    SELECT coalesce($1, greatest(coalesce($2, now()) - interval '30 days', '0001-01-01Z')) AS from_instant, coalesce($2, now()) AS to_instant
) AS w
CROSS JOIN LATERAL api.dora(w.from_instant, w.to_instant, $3, $4) AS d
WHERE w.from_instant < w.to_instant
