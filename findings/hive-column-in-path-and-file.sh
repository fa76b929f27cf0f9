#!/usr/bin/env bash
# If a column is in the name of a folder (topic=orders) and in the Parquet files below it, the type
# of the column depends on the reader, and in DuckDB on the other files of the same query.
#
# Software:  PyPI duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0
# Behaviour: The files have topic as a string. DuckDB shows the value of the folder instead of that
#            of the file, and guesses its type from all folders that the pattern matches: a string
#            while one of the topics is a word, a date where each is a day ("2026-12-01"), so that
#            the same file has another type in another query. It keeps "0042" as a string.
#            pyarrow's dataset keeps the strings, but refuses the folder if all topics are numbers
#            or the caller uses parquet.read_table, which guesses a dictionary for each folder.
#            polars always keeps the type of the file.
# Expected:  The column of the file is used, or all readers refuse a column that is in both.
# Remedy:    DuckDB: hive_types = {topic: VARCHAR}, or hive_partitioning = false if no folder's
#            column is needed. pyarrow: a partitioning with a schema, or partitioning=None.
# Matters:   A log has one folder for each topic, and its files name the topic, too. In DuckDB the
#            filter topic = 'orders' works on all topics, and is an error on the files of a topic
#            that is a day.
# Seen:      the table below.
set -euo pipefail
expected='duckdb, all topics: VARCHAR 0042, VARCHAR 2026-12-01, VARCHAR orders
duckdb, one topic: DATE 2026-12-01
duckdb, one topic, hive_types: VARCHAR 2026-12-01
polars, one topic: String 2026-12-01
pyarrow.dataset, all topics: string 0042, string 2026-12-01, string orders
pyarrow.dataset, topics that are numbers: refused, string vs int32
pyarrow.parquet.read_table, all topics: refused, string vs dictionary
pyarrow.parquet.read_table, partitioning=None: string 0042, string 2026-12-01, string orders'

command -v python3 >/dev/null || { echo "missing: python3"; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0 2>log ||
    { echo "missing: PyPI's duckdb, pyarrow, polars: $(tail -n 1 log)"; exit 2; }

cat >probe.py <<'PY'
import os, re
import duckdb, polars, pyarrow
from pyarrow import dataset, parquet

def write(folder, topics):
    for topic in topics:
        os.makedirs(f"{folder}/topic={topic}")
        parquet.write_table(pyarrow.table({"topic": [topic], "n": [1]}), f"{folder}/topic={topic}/part-0.parquet")

write("events", ["0042", "2026-12-01", "orders"])
write("numbers", ["0042", "7"])
day = "events/topic=2026-12-01/*.parquet"

def of_duckdb(source):
    rows = duckdb.sql(f"SELECT typeof(topic), topic::text FROM {source} ORDER BY 2").fetchall()
    return ", ".join(" ".join(row) for row in rows)

def of_arrow(read):
    try:
        topics = read()["topic"]
    except pyarrow.ArrowTypeError as error:
        return "refused, " + re.search(r"string vs \w+", str(error)).group()
    return ", ".join(f"{topics.type} {value}" for value in sorted(topics.to_pylist()))

print("duckdb, all topics:", of_duckdb("'events/*/*.parquet'"))
print("duckdb, one topic:", of_duckdb(f"'{day}'"))
print("duckdb, one topic, hive_types:", of_duckdb(f"read_parquet('{day}', hive_types = {{topic: VARCHAR}})"))
topics = polars.scan_parquet(day, hive_partitioning=True).collect()["topic"]
print("polars, one topic:", topics.dtype, topics[0])
print("pyarrow.dataset, all topics:", of_arrow(lambda: dataset.dataset("events", partitioning="hive").to_table()))
print("pyarrow.dataset, topics that are numbers:", of_arrow(lambda: dataset.dataset("numbers", partitioning="hive").to_table()))
print("pyarrow.parquet.read_table, all topics:", of_arrow(lambda: parquet.read_table("events")))
print("pyarrow.parquet.read_table, partitioning=None:", of_arrow(lambda: parquet.read_table("events", partitioning=None)))
PY
seen=$(timeout 60 v/bin/python probe.py)
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
