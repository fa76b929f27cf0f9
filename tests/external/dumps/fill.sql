-- fill
-- Rows with all values that the columns allow: nulls and empty texts, quotes and line breaks,
-- extremes.
SET TimeZone = 'UTC';
INSERT INTO streams (topic, group_id, epoch) VALUES ('filled', 'weir', 0);
INSERT INTO readings
SELECT 'sensor_' || n % 5, timestamptz '2026-01-01' + n * interval '777 milliseconds 77 microseconds',
    CASE n % 9 WHEN 0 THEN 0 WHEN 1 THEN -0.0 WHEN 2 THEN 1e300 WHEN 3 THEN 5e-324 WHEN 4 THEN 0.1::float8 + 0.2 ELSE n / 7.0 END,
    -n, (SELECT max(id) FROM streams), n % 3, n::bigint * 4611686018427
FROM generate_series(0, 99999) AS n;
INSERT INTO builds (id, project_id, branch_name, branch_url, pr_name, bytes_real, config, reaped, reaped_reason, reaped_date, steps, time_started,
    time_updated, record_timestamp_ms, stream, partition, "offset")
SELECT md5('b' || n)::uuid, md5('p' || n % 7)::uuid, CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a,b"c"' WHEN 3 THEN E'x\ny\r\nz' ELSE '😀 ünï ' || n END,
    CASE WHEN n % 2 = 0 THEN 'NULL' END, ' blanks ', n * 9007199254740993, CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'text', E'"\\\n') END, n % 2 = 0,
    CASE WHEN n % 2 = 0 THEN n END, CASE WHEN n % 2 = 0 THEN timestamptz '2026-01-01 00:00:00.000001' END, '[]', '0001-01-01', '9999-12-30 21:59:59.999999', 0, 1, 0, n
FROM generate_series(0, 999) AS n;
SELECT make_event_month('2026-01-01');
INSERT INTO event_records (stream, partition, "offset", arrived_at, timestamp_ms, checksum, key, headers, entity_id, payload, raw)
SELECT (SELECT max(id) FROM streams), n % 2, n, timestamptz '2026-01-01' + n * interval '8 seconds', 9223372036854775807, decode(md5(n::text), 'hex'),
    CASE WHEN n % 3 > 0 THEN decode(md5('k' || n), 'hex') END, CASE WHEN n % 2 = 0 THEN '[]'::json END, 'e' || n,
    CASE WHEN n % 4 > 0 THEN (E'{\n "n": ' || n || E',\r\n "t": "x,\\"y\\""\n}')::json END, CASE WHEN n % 4 = 0 THEN '\x00ff0a22'::bytea END
FROM generate_series(0, 9999) AS n;
