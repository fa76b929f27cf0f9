-- next_hour_to_pack
-- The begin of the first closed hour that is not packed.
SELECT n.hour FROM (
    SELECT coalesce((SELECT p.packed_until FROM packing p),
        date_trunc('hour', (SELECT min(e.arrived_at) FROM event_records e) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS hour
) AS n
WHERE n.hour + interval '1 hour' <= now() - interval '5 minutes'
