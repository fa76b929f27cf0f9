#!/usr/bin/env bash
# If a DOUBLE column of a Parquet file contains a NaN, the rows that DuckDB finds depend on the
# program that wrote the file.
#
# Software:  PyPI duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0
# Behaviour: pyarrow, polars and DuckDB write the same three readings: 1.0, NaN, 3.0. By Parquet's
#            rule, minimum and maximum ignore NaN; pyarrow and polars follow it and write 1.0 and
#            3.0. For DuckDB, NaN is the greatest number. It concludes from "maximum 3.0" that the
#            column has no NaN, and uses this for filters: isnan(v), v = 'nan' and v > 5 find no
#            row in the other programs' files. They find one row in DuckDB's file, because DuckDB
#            writes no minimum and maximum in this case. Without a filter the NaN is returned.
#            No error and no warning is reported.
# Expected:  Statistics only avoid work and never change a result: each file returns one row.
# Remedy:    read_parquet(…, can_have_nan => true), or write no statistics for columns that can
#            contain NaN.
# Matters:   Sensors send NaN. A query over the daily files of two writers counts the faulty
#            readings of only one of them.
# Seen:      the table below.
set -euo pipefail
expected='duckdb      isnan 1, equal to nan 1, above 5 1, outside 0 to 10 1, counted without filter 1
no bounds   isnan 1, equal to nan 1, above 5 1, outside 0 to 10 1, counted without filter 1
pyarrow     isnan 0, equal to nan 0, above 5 0, outside 0 to 10 0, counted without filter 1
polars      isnan 0, equal to nan 0, above 5 0, outside 0 to 10 0, counted without filter 1
pyarrow, can_have_nan: isnan 1'

command -v python3 >/dev/null || { echo "missing: python3"; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0 2>log ||
    { echo "missing: PyPI's duckdb, pyarrow, polars: $(tail -n 1 log)"; exit 2; }

cat >probe.py <<'PY'
import duckdb, polars, pyarrow
from pyarrow import parquet

readings = pyarrow.table({"v": pyarrow.array([1.0, float("nan"), 3.0])})
db = duckdb.connect()
db.execute("COPY (SELECT * FROM readings) TO 'duckdb.parquet'")
parquet.write_table(readings, "no bounds.parquet", write_statistics=False)
parquet.write_table(readings, "pyarrow.parquet")
polars.from_arrow(readings).write_parquet("polars.parquet")

def count(source, condition):
    return db.execute(f"SELECT count(*) FROM {source} WHERE {condition}").fetchall()[0][0]

filters = {"isnan": "isnan(v)", "equal to nan": "v = 'nan'", "above 5": "v > 5", "outside 0 to 10": "v NOT BETWEEN 0 AND 10"}
for writer in ["duckdb", "no bounds", "pyarrow", "polars"]:
    source = f"'{writer}.parquet'"
    found = ", ".join(f"{name} {count(source, condition)}" for name, condition in filters.items())
    whole = db.execute(f"SELECT count(*) FILTER (WHERE isnan(v)) FROM {source}").fetchall()[0][0]
    print(f"{writer:11} {found}, counted without filter {whole}")
told = "read_parquet('pyarrow.parquet', can_have_nan => true)"
print("pyarrow, can_have_nan: isnan", count(told, "isnan(v)"))
PY
seen=$(timeout 60 v/bin/python probe.py)
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
