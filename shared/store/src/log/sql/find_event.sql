-- find_event
SELECT v.checksum FROM event_values v
WHERE v.stream = $1 AND v.partition = $2 AND v."offset" = $3 AND v.row_first <= $3 AND v.row_first > $3 - 4096 AND v.row_last >= $3
