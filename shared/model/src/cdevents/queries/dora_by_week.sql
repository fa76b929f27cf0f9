-- dora_by_week
-- How often, how fast and how well was delivered to production, week by week?
SELECT week.begin::date AS week, d.deployments, d.lead_time, d.failed, round(d.change_failure_rate::numeric, 2) AS change_failure_rate,
    d.restored, d.time_to_restore
FROM generate_series(date_trunc('week', now() - interval '28 days'), now(), interval '7 days') AS week (begin)
CROSS JOIN LATERAL api.dora(week.begin, week.begin + interval '7 days', NULL, 'production') AS d
ORDER BY week
