-- upsert_builds
INSERT INTO builds AS kept (
    id, project_id, request_id, branch_name, branch_url, commit_ref, commit_url, pr_name, pr_number, pr_description, pr_url,
    bytes_real, bytes_virtual, config, pinned, reaped, reaped_reason, reaped_reason_text, reaped_date, status_build,
    status_submitted, steps, time_started, time_updated, record_timestamp_ms, stream, partition, "offset")
-- config and steps are sent as text, because PostgreSQL parses arrays of jsonb slowly.
SELECT n.c1, n.c2, n.c3, n.c4, n.c5, n.c6, n.c7, n.c8, n.c9, n.c10, n.c11, n.c12, n.c13, n.c14::jsonb, n.c15, n.c16, n.c17, n.c18,
    n.c19, n.c20, n.c21, n.c22::jsonb, n.c23, n.c24, n.c25, n.c26, n.c27, n.c28
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    $25, $26, $27, $28)
    AS n (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22, c23, c24, c25,
        c26, c27, c28)
ON CONFLICT (id) DO UPDATE SET
    project_id = excluded.project_id,
    request_id = excluded.request_id,
    branch_name = excluded.branch_name,
    branch_url = excluded.branch_url,
    commit_ref = excluded.commit_ref,
    commit_url = excluded.commit_url,
    pr_name = excluded.pr_name,
    pr_number = excluded.pr_number,
    pr_description = excluded.pr_description,
    pr_url = excluded.pr_url,
    bytes_real = excluded.bytes_real,
    bytes_virtual = excluded.bytes_virtual,
    config = excluded.config,
    pinned = excluded.pinned,
    reaped = excluded.reaped,
    reaped_reason = excluded.reaped_reason,
    reaped_reason_text = excluded.reaped_reason_text,
    reaped_date = excluded.reaped_date,
    status_build = excluded.status_build,
    status_submitted = excluded.status_submitted,
    steps = excluded.steps,
    time_started = excluded.time_started,
    time_updated = excluded.time_updated,
    record_timestamp_ms = excluded.record_timestamp_ms,
    stream = excluded.stream,
    partition = excluded.partition,
    "offset" = excluded."offset"
WHERE (excluded.reaped, excluded.time_updated, excluded.record_timestamp_ms, excluded.stream, excluded.partition, excluded."offset")
    > (kept.reaped, kept.time_updated, kept.record_timestamp_ms, kept.stream, kept.partition, kept."offset")
