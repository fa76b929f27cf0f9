-- settle_restored
-- $1 to $4: ranges of offsets that are now in the log, with exclusive ends. A range above
-- next_offset moves next_offset. Offsets below it that were neither restored nor delivered here
-- become a gap, so that Kafka can still deliver them. A restored offset in a gap closes the gap.
WITH given AS (
    SELECT r.stream, r.partition, range_agg(int8range(r.first, r.last)) AS present, max(r.last) AS top
    FROM unnest($1, $2, $3, $4) AS r (stream, partition, first, last)
    GROUP BY r.stream, r.partition
), before AS (
    SELECT g.stream, g.partition, g.present, coalesce(p.next_offset, 0) AS next_offset, greatest(coalesce(p.next_offset, 0), g.top) AS top,
        coalesce((SELECT range_agg(int8range(o.first_offset, o.end_offset)) FROM stream_gaps o
            WHERE o.stream = g.stream AND o.partition = g.partition), '{}'::int8multirange) AS gaps
    FROM given g
    LEFT JOIN stream_partitions p ON p.stream = g.stream AND p.partition = g.partition
), moved AS (
    INSERT INTO stream_partitions AS p (stream, partition, next_offset)
    SELECT b.stream, b.partition, b.top FROM before b
    ON CONFLICT (stream, partition) DO UPDATE SET next_offset = excluded.next_offset, updated_at = now()
), closed AS (
    DELETE FROM stream_gaps o USING before b WHERE o.stream = b.stream AND o.partition = b.partition
)
SELECT b.stream, b.partition, lower(gap) AS first_offset, upper(gap) AS end_offset
FROM before b
CROSS JOIN LATERAL unnest((b.gaps + int8multirange(int8range(b.next_offset, b.top))) - b.present) AS gap
