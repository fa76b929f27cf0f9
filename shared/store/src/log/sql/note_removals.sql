-- note_removals
WITH noted AS (
    INSERT INTO event_removals (stream, partition, month_table, first_offset, last_offset, records, first_timestamp_ms, last_timestamp_ms)
    SELECT e.stream, e.partition, m.month_table, min(e.first_offset), max(e.last_offset), sum(e.records), min(e.first_timestamp_ms), max(e.last_timestamp_ms)
    FROM event_months() m
    CROSS JOIN LATERAL (
        SELECT v.stream, v.partition, min(v."offset") AS first_offset, max(v."offset") AS last_offset, count(*) AS records,
            min(v.timestamp_ms) AS first_timestamp_ms, max(v.timestamp_ms) AS last_timestamp_ms
        FROM event_values v
        WHERE NOT v.packed AND v.arrived_at >= m.month_begin AND v.arrived_at < m.month_end
        GROUP BY v.stream, v.partition
        UNION ALL
        SELECT p.stream, p.partition, p.first_offset, p.last_offset, p.records, t.first_timestamp_ms, t.last_timestamp_ms
        FROM packed_events p
        CROSS JOIN LATERAL (
            SELECT min(u.known) AS first_timestamp_ms, max(u.known) AS last_timestamp_ms
            FROM (
                SELECT coalesce(w.timestamp_ms, (date_part('epoch', w.event_time) * 1000)::bigint) AS known
                FROM unnest(p.event_times, p.timestamps) AS w (event_time, timestamp_ms)
            ) AS u
        ) AS t
        WHERE p.arrived_at >= m.month_begin AND p.arrived_at < m.month_end
    ) AS e
    WHERE m.month_table = $1
    GROUP BY e.stream, e.partition, m.month_table
    RETURNING records
)
SELECT coalesce(sum(records), 0)::bigint AS records FROM noted
