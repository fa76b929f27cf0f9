-- copy_readings
COPY readings (sensor, "timestamp", value, record_timestamp_ms, stream, partition, "offset") FROM STDIN (FORMAT binary)
