-- The model of each failure, counts of the open failures by class, and the indexes of the lists of
-- failures.

-- A release before this one writes failures without a model, so the column has a default.
ALTER TABLE failures ADD COLUMN model text NOT NULL DEFAULT 'events';
COMMENT ON COLUMN failures.model IS 'The model that could not take the record; events if no model was bound to its topic, or if the model is not known.';

-- The class names the model, or the setting of the topic does. Without a setting the topic has the
-- model that it is bound to by default.
UPDATE failures f SET model = known.model
FROM (
    SELECT s.id, c.error_class, CASE c.error_class
        WHEN 'invalid_build' THEN 'builds'
        WHEN 'invalid_reading' THEN 'readings'
        WHEN 'invalid_cdevent' THEN 'cdevents'
        WHEN 'unbound_topic' THEN 'events'
        ELSE coalesce(
            (SELECT t.value ->> 'model' FROM settings t WHERE t.kind = 'topic' AND t.name = s.topic ORDER BY t.version DESC LIMIT 1),
            CASE s.topic WHEN 'build_events' THEN 'builds' WHEN 'readings' THEN 'readings' WHEN 'cdevents' THEN 'cdevents' END)
        END AS model
    FROM (SELECT DISTINCT stream, error_class FROM failures) AS c
    JOIN streams s ON s.id = c.stream
) AS known
WHERE f.stream = known.id AND f.error_class = known.error_class AND known.model <> 'events';

-- Several models may read one topic later, and each of them can fail.
ALTER TABLE failures DROP CONSTRAINT failures_pkey, ADD PRIMARY KEY (stream, partition, "offset", model);

-- These indexes serve the API's lists, newest first, records without a time last. Discarded
-- failures are in no list.
CREATE INDEX failures_newest ON failures ((coalesce(event_time, '-infinity')), created_at) WHERE discarded_at IS NULL;
CREATE INDEX failures_of_class ON failures (stream, partition, error_class, (coalesce(event_time, '-infinity')), created_at)
    WHERE discarded_at IS NULL;
-- The texts of a failure may be longer than an index entry, so these indexes have hashes of them.
CREATE INDEX failures_of_entity ON failures ((hashtextextended(entity_id, 0)), (coalesce(event_time, '-infinity')), created_at)
    WHERE discarded_at IS NULL AND entity_id IS NOT NULL;
CREATE INDEX failures_of_type ON failures ((hashtextextended(event_type, 0)), (coalesce(event_time, '-infinity')), created_at)
    WHERE discarded_at IS NULL AND event_type IS NOT NULL;
CREATE INDEX failures_of_version ON failures ((hashtextextended(event_version, 0)), (coalesce(event_time, '-infinity')), created_at)
    WHERE discarded_at IS NULL AND event_version IS NOT NULL;

CREATE TABLE failure_counts (
    stream integer NOT NULL REFERENCES streams,
    partition integer NOT NULL,
    error_class text NOT NULL,
    open bigint NOT NULL,
    PRIMARY KEY (stream, partition, error_class)
) WITH (fillfactor = 50);
COMMENT ON TABLE failure_counts IS 'The number of failures that were not discarded, by partition and class. Triggers of failures keep it.';
COMMENT ON COLUMN failure_counts.stream IS 'The stream (topic, consumer group, epoch).';
COMMENT ON COLUMN failure_counts.partition IS 'Kafka partition.';
COMMENT ON COLUMN failure_counts.error_class IS 'The class of the error.';
COMMENT ON COLUMN failure_counts.open IS 'The number of failures; 0 if all of them were retried or discarded.';

INSERT INTO failure_counts (stream, partition, error_class, open)
SELECT stream, partition, error_class, count(*) FROM failures WHERE discarded_at IS NULL GROUP BY stream, partition, error_class;

-- A transaction that changes failures of a partition has locked its row of stream_partitions, so
-- it never waits for a row of failure_counts. The rows are sorted for statements of people, which
-- lock no partition.
CREATE FUNCTION count_failures() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN
            INSERT INTO public.failure_counts AS c (stream, partition, error_class, open)
            SELECT n.stream, n.partition, n.error_class, count(*)
            FROM new_rows n
            WHERE n.discarded_at IS NULL
            GROUP BY n.stream, n.partition, n.error_class
            ORDER BY n.stream, n.partition, n.error_class
            ON CONFLICT (stream, partition, error_class) DO UPDATE SET open = c.open + excluded.open;
        WHEN 'DELETE' THEN
            INSERT INTO public.failure_counts AS c (stream, partition, error_class, open)
            SELECT o.stream, o.partition, o.error_class, -count(*)
            FROM old_rows o
            WHERE o.discarded_at IS NULL
            GROUP BY o.stream, o.partition, o.error_class
            ORDER BY o.stream, o.partition, o.error_class
            ON CONFLICT (stream, partition, error_class) DO UPDATE SET open = c.open + excluded.open;
        WHEN 'UPDATE' THEN
            INSERT INTO public.failure_counts AS c (stream, partition, error_class, open)
            SELECT x.stream, x.partition, x.error_class, sum(x.change)
            FROM (
                SELECT n.stream, n.partition, n.error_class, 1 AS change FROM new_rows n WHERE n.discarded_at IS NULL
                UNION ALL
                SELECT o.stream, o.partition, o.error_class, -1 FROM old_rows o WHERE o.discarded_at IS NULL
            ) AS x
            GROUP BY x.stream, x.partition, x.error_class
            HAVING sum(x.change) <> 0
            ORDER BY x.stream, x.partition, x.error_class
            ON CONFLICT (stream, partition, error_class) DO UPDATE SET open = c.open + excluded.open;
        WHEN 'TRUNCATE' THEN
            UPDATE public.failure_counts SET open = 0 WHERE open <> 0;
    END CASE;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION count_failures() IS 'Keeps failure_counts. Called by the triggers of failures.';

-- A trigger with tables of the changed rows is for one kind of statement.
CREATE TRIGGER count_inserted AFTER INSERT ON failures REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_failures();
CREATE TRIGGER count_deleted AFTER DELETE ON failures REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_failures();
CREATE TRIGGER count_updated AFTER UPDATE ON failures REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_failures();
CREATE TRIGGER count_truncated AFTER TRUNCATE ON failures FOR EACH STATEMENT EXECUTE FUNCTION count_failures();

CREATE OR REPLACE VIEW api.failures AS
SELECT s.topic, s.group_id, s.epoch, f.partition, f."offset", f.created_at, f.event_time, f.error_class, f.error_message, f.attempts,
    f.last_attempt_at, f.discarded_at, f.entity_id, f.event_type, f.event_version, f.model
FROM public.failures f
JOIN public.streams s ON s.id = f.stream;
COMMENT ON COLUMN api.failures.model IS 'The model that could not take the record; events if no model was bound to its topic, or if the model is not known.';

CREATE VIEW api.failure_counts AS
SELECT s.topic, s.group_id, s.epoch, c.partition, c.error_class, c.open
FROM public.failure_counts c
JOIN public.streams s ON s.id = c.stream
WHERE c.open > 0;
COMMENT ON VIEW api.failure_counts IS 'The number of failures that were not discarded, by partition and class. It reads no failures.';
COMMENT ON COLUMN api.failure_counts.topic IS 'Kafka topic.';
COMMENT ON COLUMN api.failure_counts.group_id IS 'Kafka consumer group.';
COMMENT ON COLUMN api.failure_counts.epoch IS 'How often the topic was recreated and reset before.';
COMMENT ON COLUMN api.failure_counts.partition IS 'Kafka partition.';
COMMENT ON COLUMN api.failure_counts.error_class IS 'The class of the error.';
COMMENT ON COLUMN api.failure_counts.open IS 'The number of failures.';
