-- read_settings
SELECT s.kind, s.name, s.version, s.value::text AS value, s.set_by
FROM (SELECT DISTINCT ON (kind, name) * FROM settings ORDER BY kind, name, version DESC) AS s
WHERE s.value IS NOT NULL
ORDER BY s.kind, s.name
