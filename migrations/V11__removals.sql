-- The timestamps of dropped records, so that a record of a recreated topic is not taken for a
-- dropped one.

-- A release before this one writes rows without the new columns. Their defaults exclude only
-- records that are newer than the removal.
ALTER TABLE event_removals
    ADD COLUMN first_timestamp_ms bigint NOT NULL DEFAULT -9223372036854775808,
    ADD COLUMN last_timestamp_ms bigint NOT NULL DEFAULT (extract(epoch FROM now() + interval '1 day') * 1000)::bigint;
COMMENT ON COLUMN event_removals.first_timestamp_ms IS 'Lowest timestamp of its records, in milliseconds since 1970; the lowest number where it is not known.';
COMMENT ON COLUMN event_removals.last_timestamp_ms IS 'Highest timestamp of its records, in milliseconds since 1970; where it is not known, one day after the end of the month or after the removal.';

-- Records of a month arrived before its end. The clock of a producer may be ahead, so one day is
-- added.
UPDATE event_removals
SET last_timestamp_ms = (extract(epoch FROM (to_date(right(month_table, 7), 'YYYY_MM') + interval '1 month 1 day') AT TIME ZONE 'UTC') * 1000)::bigint
WHERE month_table ~ '^events_[0-9]{4}_(0[1-9]|1[0-2])$';
