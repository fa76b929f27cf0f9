-- note_removals
WITH noted AS (
    INSERT INTO event_removals (stream, partition, month_table, first_offset, last_offset, records, first_timestamp_ms, last_timestamp_ms)
    SELECT e.stream, e.partition, m.month_table, min(e."offset"), max(e."offset"), count(*), min(e.timestamp_ms), max(e.timestamp_ms)
    FROM event_months() m
    JOIN events e ON e.arrived_at >= m.month_begin AND e.arrived_at < m.month_end
    WHERE m.month_table = $1
    GROUP BY e.stream, e.partition, m.month_table
    RETURNING records
)
SELECT coalesce(sum(records), 0)::bigint AS records FROM noted
