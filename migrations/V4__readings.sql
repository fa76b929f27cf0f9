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
COMMENT ON COLUMN readings.sensor IS 'The name of the sensor.';
COMMENT ON COLUMN readings."timestamp" IS 'The time of the measurement.';
COMMENT ON COLUMN readings.value IS 'The measured value.';
COMMENT ON COLUMN readings.record_timestamp_ms IS 'The timestamp of the record of this row, in milliseconds since 1970.';
COMMENT ON COLUMN readings.stream IS 'The stream of the record of this row.';
COMMENT ON COLUMN readings.partition IS 'The partition of the record of this row.';
COMMENT ON COLUMN readings."offset" IS 'The offset of the record of this row.';
