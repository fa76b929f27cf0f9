-- pack_part
SELECT p.looked_at, p.last_offset, p.records_packed FROM pack_events($1, $2, $3, $4, $5) AS p
