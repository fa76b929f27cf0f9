-- readings: values of sensors.

CREATE TABLE readings (
    sensor text NOT NULL,
    "timestamp" timestamptz NOT NULL,
    value double precision NOT NULL,
    record_timestamp_ms bigint NOT NULL,
    stream integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    PRIMARY KEY (sensor, "timestamp")
);
COMMENT ON TABLE readings IS 'One row per sensor and instant: the maximum of its events by (record timestamp, stream, partition, offset).';
COMMENT ON COLUMN readings.sensor IS 'Name of the sensor.';
COMMENT ON COLUMN readings."timestamp" IS 'When it was measured.';
COMMENT ON COLUMN readings.value IS 'What was measured.';
COMMENT ON COLUMN readings.record_timestamp_ms IS 'Timestamp of the record that made this row, milliseconds since 1970.';
COMMENT ON COLUMN readings.stream IS 'Stream of the record that made this row.';
COMMENT ON COLUMN readings.partition IS 'Partition of that record.';
COMMENT ON COLUMN readings."offset" IS 'Offset of that record.';
