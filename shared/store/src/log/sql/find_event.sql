-- find_event
SELECT e.checksum FROM event_records e WHERE e.stream = $1 AND e.partition = $2 AND e."offset" = $3
