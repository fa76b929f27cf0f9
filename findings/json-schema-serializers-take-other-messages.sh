#!/usr/bin/env bash
# Confluent's JSON Schema serializers for Python and JavaScript disagree about the same schema, and
# JavaScript's refuses most.
#
# Software:  PyPI confluent-kafka[json,schemaregistry] 2.16.1 (Python 3.11 or later), npm
#            @confluentinc/schemaregistry 1.10.1 (Node.js 20), each with its in-memory registry
# Behaviour: Five valid schemas with messages, with validation on:
#              * "format": "date-time", a correct time: Python sends the message; JavaScript refuses
#                the schema, "unknown format";
#              * "format": "date-time", the text "yesterday": Python sends this message too, because
#                it does not check formats;
#              * an unknown keyword, such as "connect.index" from Connect's converters: Python sends
#                the message; JavaScript refuses the schema, because its validator runs in strict
#                mode; JSON Schema requires validators to ignore the keyword;
#              * draft 4, which the registry allows: Python sends the message; JavaScript does not
#                support this draft;
#              * an integer written as 1.0: valid for both, but Python sends the bytes 1.0 and
#                JavaScript sends 1.
#            So the tests of one side prove nothing for the other side, and no message with a time
#            can be validated in both.
# Expected:  Two serializers of one vendor accept and refuse the same messages for the same schema.
# Matters:   The Node team cannot use a schema of a Java or Python team until each format and each
#            unknown keyword is removed, or the validator is configured by hand. Python producers
#            write malformed times to a "validated" topic.
# Seen:      the table below.
set -euo pipefail
expected='python      right time      sent {"at":"2026-01-01T00:00:00Z"}
python      wrong time      sent {"at":"yesterday"}
python      foreign keyword sent {"code":"x"}
python      draft 4         sent {"code":"x"}
python      whole number    sent {"n":1.0}
javascript  right time      refused: unknown format "date-time" ignored in schema at path "#/properties/at"
javascript  wrong time      refused: unknown format "date-time" ignored in schema at path "#/properties/at"
javascript  foreign keyword refused: strict mode: unknown keyword: "connect.index"
javascript  draft 4         refused: no schema with key or ref "http://json-schema.org/draft-04/schema#"
javascript  whole number    sent {"n":1}'

for tool in node npm python3; do command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 2; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check 'confluent-kafka[json,schemaregistry]==2.16.1' jsonschema==4.26.0 2>log ||
    { echo "missing: PyPI's confluent-kafka: $(tail -n 1 log)"; exit 2; }
echo '{"type": "module"}' >package.json
timeout 170 npm install --silent --no-audit --no-fund --ignore-scripts @confluentinc/schemaregistry@1.10.1 >log 2>&1 ||
    { echo "missing: npm's @confluentinc/schemaregistry: $(tail -n 1 log)"; exit 2; }

cat >cases.json <<'JSON'
[
  ["right time", {"title": "A", "type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}}, {"at": "2026-01-01T00:00:00Z"}],
  ["wrong time", {"title": "B", "type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}}, {"at": "yesterday"}],
  ["foreign keyword", {"title": "C", "type": "object", "properties": {"code": {"type": "string", "connect.index": 0}}}, {"code": "x"}],
  ["draft 4", {"$schema": "http://json-schema.org/draft-04/schema#", "title": "D", "type": "object", "properties": {"code": {"type": "string"}}}, {"code": "x"}],
  ["whole number", {"title": "E", "type": "object", "properties": {"n": {"type": "integer"}}}, {"n": 1.0}]
]
JSON
cat >probe.py <<'PY'
import json
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

registry = SchemaRegistryClient.new_client({"url": "mock://memory"})
for number, (name, schema, message) in enumerate(json.load(open("cases.json"))):
    try:
        serializer = JSONSerializer(json.dumps(schema), registry, conf={"validate": True})
        sent = serializer(message, SerializationContext(f"t{number}", MessageField.VALUE))
        print(f"python      {name:15} sent {sent[5:].decode()}")
    except Exception as e:
        print(f"python      {name:15} refused: {e}")
PY
cat >probe.mjs <<'JS'
import { readFileSync } from "node:fs";
import confluent from "@confluentinc/schemaregistry";
const { JsonSerializer, SchemaRegistryClient, SerdeType } = confluent;
const registry = SchemaRegistryClient.newClient({ baseURLs: ["mock://memory"] });
for (const [number, [name, schema, message]] of JSON.parse(readFileSync("cases.json", "utf8")).entries()) {
  const topic = `t${number}`;
  await registry.register(`${topic}-value`, { schemaType: "JSON", schema: JSON.stringify(schema) });
  const serializer = new JsonSerializer(registry, SerdeType.VALUE, { useLatestVersion: true, validate: true });
  try {
    const sent = await serializer.serialize(topic, message);
    console.log(`javascript  ${name.padEnd(15)} sent ${sent.subarray(5)}`);
  } catch (e) {
    console.log(`javascript  ${name.padEnd(15)} refused: ${e.message}`);
  }
}
JS
seen=$(timeout 60 v/bin/python probe.py 2>log && timeout 60 node probe.mjs 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
