-- finish_packed_hour
-- $1 the begin of the hour. Another run may have gone further.
INSERT INTO packing (packed_until) VALUES ($1 + interval '1 hour')
ON CONFLICT (one) DO UPDATE SET packed_until = excluded.packed_until WHERE packing.packed_until < excluded.packed_until
