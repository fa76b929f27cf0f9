#!/usr/bin/env bash
# One RFC 3339 timestamp can belong to two days: PostgreSQL rounds extra digits, most others cut
# them off, some refuse them.
#
# Software:  PostgreSQL 18.7 (npm @electric-sql/pglite 0.5.17), Node.js 20, Python 3.11 or later,
#            PyPI duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1, python-dateutil 2.9.0.post0
# Behaviour: .NET writes seven decimals, and Go writes nine. PostgreSQL's timestamptz rounds to the
#            nearest microsecond. The last tenth of a microsecond of a day, 23:59:59.9999999Z,
#            becomes the next day, month or year. JavaScript, Python, DuckDB and polars cut the
#            digits off, so the timestamp stays in the same day. pyarrow refuses this timestamp for
#            a type with microseconds, and keeps it for a type with nanoseconds. If a timestamp is
#            exactly between two microseconds, PostgreSQL takes the even one: .1234565 becomes
#            .123456, and .1234575 becomes .123458.
#            RFC 3339 allows a leap second. For PostgreSQL and polars it is midnight of the next
#            day; Python, dateutil, JavaScript, DuckDB and pyarrow refuse it. RFC 3339 also allows
#            lower-case t and z. PostgreSQL, JavaScript and dateutil read them; Python's
#            fromisoformat, DuckDB, polars and pyarrow refuse them.
# Expected:  A valid timestamp is one instant everywhere, or the results differ by less than a
#            microsecond and never in the date.
# Matters:   If one program assigns events to partitions, files or daily counts, and another query
#            selects the day in PostgreSQL, the query misses events or counts them twice. The counts
#            of the program and of PostgreSQL differ on every comparison.
# Seen:      the table below.
set -euo pipefail
expected='2026-12-31T23:59:59.9999999Z  postgresql 2027-01-01T00:00:00.000000  javascript 2026-12-31T23:59:59.999  python 2026-12-31T23:59:59.999999  dateutil 2026-12-31T23:59:59.999999  duckdb 2026-12-31T23:59:59.999999  polars 2026-12-31T23:59:59.999999  pyarrow refused
2026-01-01T00:00:00.1234565Z  postgresql 2026-01-01T00:00:00.123456  javascript 2026-01-01T00:00:00.123  python 2026-01-01T00:00:00.123456  dateutil 2026-01-01T00:00:00.123456  duckdb 2026-01-01T00:00:00.123456  polars 2026-01-01T00:00:00.123456  pyarrow refused
2026-01-01T00:00:00.1234575Z  postgresql 2026-01-01T00:00:00.123458  javascript 2026-01-01T00:00:00.123  python 2026-01-01T00:00:00.123457  dateutil 2026-01-01T00:00:00.123457  duckdb 2026-01-01T00:00:00.123457  polars 2026-01-01T00:00:00.123457  pyarrow refused
2016-12-31T23:59:60Z  postgresql 2017-01-01T00:00:00.000000  javascript refused  python refused  dateutil refused  duckdb refused  polars 2017-01-01T00:00:00.000000  pyarrow refused
2026-01-01t00:00:00z  postgresql 2026-01-01T00:00:00.000000  javascript 2026-01-01T00:00:00.000  python refused  dateutil 2026-01-01T00:00:00.000000  duckdb refused  polars refused  pyarrow refused'

for tool in node npm python3; do command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 2; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 python-dateutil==2.9.0.post0 2>log ||
    { echo "missing: PyPI's duckdb, polars, pyarrow, python-dateutil: $(tail -n 1 log)"; exit 2; }
echo '{"type": "module"}' >package.json
timeout 170 npm install --silent --no-audit --no-fund --ignore-scripts @electric-sql/pglite@0.5.17 >log 2>&1 ||
    { echo "missing: npm's @electric-sql/pglite: $(tail -n 1 log)"; exit 2; }

cat >times <<'TIMES'
2026-12-31T23:59:59.9999999Z
2026-01-01T00:00:00.1234565Z
2026-01-01T00:00:00.1234575Z
2016-12-31T23:59:60Z
2026-01-01t00:00:00z
TIMES
cat >probe.mjs <<'JS'
import { readFileSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
const db = new PGlite();
await db.exec("SET timezone = 'UTC'");
for (const time of readFileSync("times", "utf8").trim().split("\n")) {
  const { rows } = await db.query(`SELECT to_char($1::text::timestamptz, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS t`, [time]);
  const date = new Date(time);
  console.log(`postgresql ${rows[0].t}  javascript ${isNaN(date) ? "refused" : date.toISOString().slice(0, -1)}`);
}
JS
cat >probe.py <<'PY'
import datetime, dateutil.parser, duckdb, polars, pyarrow

db = duckdb.connect()
db.execute("SET timezone = 'UTC'")
readers = {
    "python": datetime.datetime.fromisoformat,
    "dateutil": dateutil.parser.isoparse,
    "duckdb": lambda t: db.execute("SELECT epoch_us(CAST(? AS TIMESTAMPTZ))", [t]).fetchall()[0][0],
    "polars": lambda t: polars.Series([t]).str.to_datetime(time_unit="us", time_zone="UTC").to_physical()[0],
    "pyarrow": lambda t: pyarrow.array([t]).cast(pyarrow.timestamp("us", "UTC"))[0].value,
}
epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
for time, others in zip(open("times").read().split(), open("node.out").read().splitlines(), strict=True):
    line = f"{time}  {others}"
    for name, read in readers.items():
        try:
            value = read(time)
            value = value if isinstance(value, datetime.datetime) else epoch + datetime.timedelta(microseconds=value)
            line += f"  {name} {value.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat(timespec='microseconds')}"
        except Exception:
            line += f"  {name} refused"
    print(line)
PY
timeout 60 node probe.mjs >node.out 2>log || { cat log; exit 1; }
seen=$(timeout 60 v/bin/python probe.py 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
