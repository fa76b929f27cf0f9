-- build_disk_usage
SELECT bytes_real FROM builds WHERE id = $1
