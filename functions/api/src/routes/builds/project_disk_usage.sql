-- project_disk_usage
SELECT coalesce(sum(bytes_real), 0)::text FROM builds WHERE project_id = $1 AND NOT reaped
