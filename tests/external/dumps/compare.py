"""Compares the files of three dumped models, read by pyarrow and by DuckDB, with SQL.

It reads each file alone, and each folder of a model and a format as one table.

Arguments: psql, the database's URL, the folder of dumps.
"""

import csv
import gzip
import io
import json
import subprocess
import sys
from datetime import datetime, timezone

import duckdb
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet

psql, url, dumps = sys.argv[1:]
NULL = "\\N"
DAY = "dt=2026-01-01"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
TOPICS = {"events": "topic=filled/"}
# The topic is a column of the files, and not of the view.
ROWS = {"events": "(SELECT 'filled' AS topic, e.* FROM events e)"}
# Qualified, because a bare name would mean the output column, which is text.
ORDERS = {"readings": 't.sensor, t."timestamp"', "builds": "t.id", "events": 't.stream, t.partition, t."offset", t.arrived_at'}
WHERE = {"events": " WHERE arrived_at < '2026-01-02'"}


def from_sql(model, columns):
    """Returns rows as texts: instants as microseconds, bytes as hex, doubles with all digits."""
    shown = []
    for name, kind in columns:
        if kind == "timestamp with time zone":
            shown.append(f"(extract(epoch FROM \"{name}\") * 1000000)::bigint::text")
        elif kind == "bytea":
            shown.append(f"encode(\"{name}\", 'hex')")
        else:
            shown.append(f'"{name}"::text')
    query = f"COPY (SELECT {', '.join(shown)} FROM {ROWS.get(model, model)} AS t{WHERE.get(model, '')} ORDER BY {ORDERS[model]}) TO STDOUT (FORMAT csv, NULL '{NULL}', FORCE_QUOTE *)"
    text = subprocess.run([psql, url, "-qc", "SET TimeZone = 'UTC'", "-c", query], check=True, capture_output=True).stdout.decode()
    return [tuple(None if f == NULL else f for f in row) for row in csv.reader(io.StringIO(text, newline=""))]


def micros(instant):
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    delta = instant - EPOCH
    return (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds


def shown(value, kind):
    """Returns a reader's value in the form of from_sql."""
    if value is None:
        return None
    if kind == "timestamp with time zone":
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return str(micros(value) if isinstance(value, datetime) else value)
    if kind == "bytea":
        if isinstance(value, str):
            import base64

            value = base64.b64decode(value)
        return bytes(value).hex()
    if kind == "boolean":
        return str(value).lower()
    if kind == "double precision":
        return float(value)
    return str(value)


def same(what, columns, rows, wanted):
    kinds = [kind for _, kind in columns]
    assert len(rows) == len(wanted), f"{what}: {len(rows)} rows, SQL has {len(wanted)}"
    for n, (row, want) in enumerate(zip(rows, wanted)):
        got = tuple(shown(v, k) for v, k in zip(row, kinds))
        want = tuple(float(v) if k == "double precision" and v is not None else v for v, k in zip(want, kinds))
        assert got == want, f"{what}, row {n}:\n{got}\nSQL:\n{want}"
    print(f"{what}: {len(rows)} rows equal")


def types(columns, names):
    import pyarrow as pa

    kinds = {
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "double precision": pa.float64(),
        "boolean": pa.bool_(),
    }
    return {name: kinds.get(kind, pa.string()) for name, kind in columns}


def path(model, kind):
    """Returns the path of a file, which is also its name in the manifest."""
    name = f"{kind.split('.')[0]}/{DAY}/{TOPICS.get(model, '')}part-00000.{kind}"
    assert name in [file["name"] for file in manifest["files"]], name
    return f"{dumps}/{model}/{name}"


for model in ORDERS:
    manifest = json.load(open(f"{dumps}/_manifests/{model}/{DAY}.json"))
    columns = [(c["name"], c["type"]) for c in manifest["schema"]]
    names = [name for name, _ in columns]
    wanted = from_sql(model, columns)
    assert manifest["rows"] == len(wanted), f"{model}: the manifest says {manifest['rows']}, SQL {len(wanted)}"
    parquet, csv_gz, json_gz = (path(model, kind) for kind in ("parquet", "csv.gz", "json.gz"))

    table = pyarrow.parquet.read_table(parquet, partitioning=None)
    assert table.column_names == names
    for name, kind in columns:
        if kind == "timestamp with time zone":
            assert str(table.schema.field(name).type) == "timestamp[us, tz=UTC]", table.schema
    data = [table.column(n).cast("int64") if k == "timestamp with time zone" else table.column(n) for n, k in columns]
    same(f"{model} parquet, pyarrow", columns, list(zip(*[c.to_pylist() for c in data])), wanted)

    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    picked = ", ".join(f'epoch_us("{n}")' if k == "timestamp with time zone" else f'"{n}"' for n, k in columns)
    found = database.execute(f"SELECT {picked} FROM read_parquet('{parquet}', hive_partitioning = false)").fetchall()
    same(f"{model} parquet, DuckDB", columns, found, wanted)
    folder = f"{dumps}/{model}/parquet"
    by_day = database.execute(f"SELECT dt::text, count(*) FROM '{folder}/**/*.parquet' GROUP BY 1").fetchall()
    assert by_day == [("2026-01-01", len(wanted))], by_day
    assert pyarrow.dataset.dataset(folder).to_table().column_names == names
    # The topic is the name of a folder and a column, which this reader refuses by default.
    whole = {"partitioning": None} if model == "events" else {}
    assert pyarrow.parquet.read_table(folder, **whole).num_rows == len(wanted)
    for kind in ("csv", "json"):
        count = f"SELECT count(*) FROM '{dumps}/{model}/{kind}/**/*.{kind}.gz'"
        assert database.execute(count).fetchone() == (len(wanted),), count
    if model == "events":
        topics = database.execute(f"SELECT DISTINCT topic FROM '{folder}/**/*.parquet'").fetchall()
        assert topics == [("filled",)], topics

    options = pyarrow.csv.ConvertOptions(column_types=types(columns, names), strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    read = pyarrow.csv.ReadOptions(block_size=1 << 26)
    table = pyarrow.csv.read_csv(csv_gz, convert_options=options, parse_options=parse, read_options=read)
    assert table.column_names == names
    same(f"{model} csv, pyarrow", columns, list(zip(*[table.column(n).to_pylist() for n in names])), wanted)

    kinds = {"integer": "INTEGER", "bigint": "BIGINT", "double precision": "DOUBLE", "boolean": "BOOLEAN", "timestamp with time zone": "TIMESTAMPTZ"}
    described = "{" + ", ".join(f"'{n}': '{kinds.get(k, 'VARCHAR')}'" for n, k in columns) + "}"
    picked = ", ".join(f'epoch_us("{n}")' if k == "timestamp with time zone" else f'"{n}"' for n, k in columns)
    found = database.execute(
        f"SELECT {picked} FROM read_csv('{csv_gz}', header = true, columns = {described}, delim = ',', quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, strict_mode = false)"
    ).fetchall()
    same(f"{model} csv, DuckDB", columns, found, wanted)

    lines = int(subprocess.run(["sh", "-c", 'zcat "$0" | wc -l', json_gz], check=True, capture_output=True).stdout)
    assert lines == manifest["rows"], f"{model}: zcat | wc -l says {lines}"
    with gzip.open(json_gz, "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    assert all(list(row)[0] == names[0] for row in rows)
    same(f"{model} json, keys", [c for c in columns if c[1] not in ("json", "jsonb")], [tuple(row[n] for n, k in columns if k not in ("json", "jsonb")) for row in rows],
         [tuple(v for v, (_, k) in zip(want, columns) if k not in ("json", "jsonb")) for want in wanted])
print("every file gives the rows of SQL")
