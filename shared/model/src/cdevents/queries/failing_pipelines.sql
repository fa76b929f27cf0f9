-- failing_pipelines
-- Which pipelines fail most, of their runs of the last 30 days?
SELECT name AS pipeline, count(*) AS runs, count(*) FILTER (WHERE outcome <> 'success') AS failed,
    round(avg(extract(epoch FROM finished_at - started_at)) / 60) AS minutes
FROM api.pipelinerun
WHERE finished_at >= now() - interval '30 days'
GROUP BY name
ORDER BY failed DESC, pipeline
