-- project_disk_usage
SELECT coalesce(sum(bytes_real), 0)::text AS bytes FROM builds WHERE project_id = $1 AND NOT reaped
