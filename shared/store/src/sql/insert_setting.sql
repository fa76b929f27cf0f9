-- insert_setting
INSERT INTO settings (kind, name, version, value, set_by)
SELECT $1, $2, coalesce(max(s.version), 0) + 1, $3::jsonb, $4 FROM settings s WHERE s.kind = $1 AND s.name = $2
