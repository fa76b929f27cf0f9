#!/usr/bin/env bash
# Avro: every checker calls a change from milliseconds to microseconds "compatible", and half of the
# readers then read 1970.
#
# Software:  Maven org.apache.avro:avro 1.12.1 (Java 17), PyPI avro 1.12.2 and fastavro 1.13.1
#            (Python 3.11 or later), npm avsc 5.7.9 (Node.js 20)
# Behaviour: The writer's schema has timestamp-millis and decimal with scale 2; the reader's schema
#            has timestamp-micros and scale 4. A team makes this change to get finer times. Schema
#            resolution compares only the types long and bytes, which are equal. After that, each
#            library takes the unit and the scale of a number from another schema:
#              * Java uses the reader's schema: 1767225600000 ms become µs, so 2026-01-01 becomes
#                1970-01-21, and 12.34 becomes 0.1234;
#              * both Python libraries use the writer's schema: they return the written time and
#                amount;
#              * avsc has no built-in logical types: it returns the number that was written, and the
#                reader's schema says that the unit is microseconds.
#            The checkers of Java and of Python call the pair compatible, and registries use such a
#            checker. No error is reported. (Tried by hand, not here: hamba/avro 2.31 in Go
#            reads 1970, and calls the pair compatible too.)
# Expected:  The checker refuses the change, or all readers agree: a factor of 1000 in a time
#            matters.
# Remedy:    Add a new field with the new unit, and keep the old field.
# Matters:   A topic contains records of both schemas for its whole retention time. One consumer
#            group reads orders with a date in 1970, or payments of a hundredth of the amount. A
#            consumer group in another language reads correct values.
# Seen:      the table below.
set -euo pipefail
expected='written        2026-01-01T00:00:00Z 12.34
java           1970-01-21T10:53:45.600Z 0.1234 compatible
fastavro       2026-01-01T00:00:00Z 12.34
python avro    2026-01-01T00:00:00Z 12.34 compatible
avsc           1767225600000 for timestamp-micros'

for tool in java javac mvn node npm python3; do command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 2; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies><dependency><groupId>org.apache.avro</groupId><artifactId>avro</artifactId><version>1.12.1</version></dependency></dependencies>
</project>
XML
timeout 170 mvn -q -B -Dmaven.repo.local="$work/m2" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars >log 2>&1 ||
    { echo "missing: the Maven artifact avro: $(head -n 1 log)"; exit 2; }
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check avro==1.12.2 fastavro==1.13.1 2>log ||
    { echo "missing: PyPI's avro, fastavro: $(tail -n 1 log)"; exit 2; }
echo '{"type": "module"}' >package.json
timeout 170 npm install --silent --no-audit --no-fund --ignore-scripts avsc@5.7.9 >log 2>&1 ||
    { echo "missing: npm's avsc: $(tail -n 1 log)"; exit 2; }

schema() {
    echo '{"type": "record", "name": "Payment", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "'"$1"'"}},' \
        '{"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": '"$2"'}}]}'
}
schema timestamp-millis 2 >writer.avsc
schema timestamp-micros 4 >reader.avsc

cat >probe.py <<'PY'
import datetime, decimal, fastavro, json
import avro.compatibility, avro.io, avro.schema

writer, reader = json.load(open("writer.avsc")), json.load(open("reader.avsc"))
payment = {"at": datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), "amount": decimal.Decimal("12.34")}
with open("payment.bin", "wb") as out:
    fastavro.schemaless_writer(out, writer, payment)

def show(name, p, more=""):
    print(f"{name:14} {p['at'].astimezone(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')} {p['amount']}{more}")

show("written", payment)
with open("payment.bin", "rb") as file:
    show("fastavro", fastavro.schemaless_reader(file, writer, reader))
w, r = avro.schema.parse(json.dumps(writer)), avro.schema.parse(json.dumps(reader))
verdict = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(r, w).compatibility.name
with open("payment.bin", "rb") as file:
    show("python avro", avro.io.DatumReader(w, r).read(avro.io.BinaryDecoder(file)), " " + verdict)
PY
cat >probe.mjs <<'JS'
import { readFileSync } from "node:fs";
import avro from "avsc";
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const [writer, reader] = ["writer.avsc", "reader.avsc"].map((file) => avro.Type.forSchema(read(file)));
const payment = reader.fromBuffer(readFileSync("payment.bin"), reader.createResolver(writer));
console.log(`avsc           ${payment.at} for ${read("reader.avsc").fields[0].type.logicalType}`);
JS
cat >Probe.java <<'JAVA'
import java.nio.file.*;
import org.apache.avro.*;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.generic.*;
import org.apache.avro.io.DecoderFactory;

public class Probe {
    public static void main(String[] none) throws Exception {
        Schema writer = new Schema.Parser().parse(Files.readString(Path.of("writer.avsc")));
        Schema reader = new Schema.Parser().parse(Files.readString(Path.of("reader.avsc")));
        GenericData model = new GenericData();
        model.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
        model.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
        model.addLogicalTypeConversion(new Conversions.DecimalConversion());
        byte[] bytes = Files.readAllBytes(Path.of("payment.bin"));
        var payment = new GenericDatumReader<GenericRecord>(writer, reader, model).read(null, DecoderFactory.get().binaryDecoder(bytes, null));
        String verdict = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType().name().toLowerCase();
        System.out.println("java           " + payment.get("at") + " " + payment.get("amount") + " " + verdict);
    }
}
JAVA
python=$(timeout 60 v/bin/python -W ignore probe.py 2>log) || { cat log; exit 1; }
java=$(timeout 60 java -cp 'jars/*' Probe.java 2>log) || { cat log; exit 1; }
node=$(timeout 60 node probe.mjs 2>log) || { cat log; exit 1; }
seen=$(head -n 1 <<<"$python"; echo "$java"; tail -n +2 <<<"$python"; echo "$node")
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
