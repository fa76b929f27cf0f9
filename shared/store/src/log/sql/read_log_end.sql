-- read_log_end
-- The last offset of the next part of a partition, or null for the last part: $1 stream, $2
-- partition, $3 the offset before the part, $4 the earliest arrival or null, $5 the most narrow
-- rows and $6 the most packed rows of the part.
SELECT least(
    (SELECT e."offset" - 1 FROM event_records e
    WHERE e.stream = $1 AND e.partition = $2 AND e."offset" > $3 AND ($4 IS NULL OR e.arrived_at >= $4)
    ORDER BY e."offset" OFFSET $5 LIMIT 1),
    (SELECT p.first_offset - 1 FROM packed_events p
    WHERE p.stream = $1 AND p.partition = $2 AND p.first_offset > $3 AND ($4 IS NULL OR p.arrived_at >= $4 - interval '1 hour')
    ORDER BY p.first_offset OFFSET $6 LIMIT 1)
) AS last_offset
