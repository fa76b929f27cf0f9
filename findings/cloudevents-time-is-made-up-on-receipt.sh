#!/usr/bin/env bash
# The SDKs for JavaScript and Python give a CloudEvent without a time the receiver's current time, a
# new one on each read.
#
# Software:  npm cloudevents 10.0.0, PyPI cloudevents 2.2.0, Node.js 20, Python 3.11 or later
# Behaviour: The attribute time is optional. Both SDKs set it when they read an event, not only when
#            they create one. The value is the time of the read, and the event does not show this. A
#            relay that reads and writes the event adds a time that the sender never gave. The same
#            message read twice has two times. This happens in structured and binary mode, over HTTP
#            and Kafka. The SDK for JavaScript also sets the Kafka record's timestamp from it. The
#            SDKs for Go and Java leave the time out.
#            An existing time is shortened: JavaScript's reader keeps three decimals, Python's keeps
#            six.
# Expected:  The read event equals the sent event, and a missing optional attribute stays missing.
# Matters:   A dead-letter queue that is replayed a day later delivers day-old facts with the
#            current time. For a consumer that keeps the newest state by time, the replay wins. Two
#            copies of one event are not equal, so duplicates are not found by their content.
# Seen:      the table below.
set -euo pipefail
expected='javascript structured: made up, another one on the next read
javascript binary: made up, another one on the next read
javascript kafka: made up, another one on the next read, and the timestamp of what is forwarded
javascript 2026-01-01T00:00:00.123456789Z: read as 2026-01-01T00:00:00.123Z
python structured: made up, another one on the next read
python binary: made up, another one on the next read
python kafka: made up, another one on the next read
python 2026-01-01T00:00:00.123456789Z: written again as 2026-01-01T00:00:00.123456Z'

for tool in node npm python3; do command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 2; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check cloudevents==2.2.0 2>log ||
    { echo "missing: PyPI's cloudevents: $(tail -n 1 log)"; exit 2; }
echo '{"type": "module"}' >package.json
timeout 170 npm install --silent --no-audit --no-fund --ignore-scripts cloudevents@10.0.0 >log 2>&1 ||
    { echo "missing: npm's cloudevents: $(tail -n 1 log)"; exit 2; }

cat >probe.mjs <<'JS'
import { HTTP, Kafka } from "cloudevents";
const event = { specversion: "1.0", id: "1", source: "/s", type: "t" };
const bare = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t" };
const structured = (e) => ({ headers: { "content-type": "application/cloudevents+json" }, body: JSON.stringify(e) });
const record = { headers: { ce_specversion: "1.0", ce_id: "1", ce_source: "/s", ce_type: "t" }, value: Buffer.from("x"), timestamp: "0" };
const verdict = async (read) => {
  const first = read().time;
  await new Promise((wake) => setTimeout(wake, 50));
  const second = read().time;
  const made = first && Math.abs(Date.parse(first) - Date.now()) < 60_000;
  return `${made ? "made up" : first ?? "none"}, ${first === second ? "the same" : "another one"} on the next read`;
};
console.log("javascript structured:", await verdict(() => HTTP.toEvent(structured(event))));
console.log("javascript binary:", await verdict(() => HTTP.toEvent({ headers: bare, body: "x" })));
const forwarded = Kafka.binary(Kafka.toEvent(record));
const stamped = Math.abs(Number(forwarded.timestamp) - Date.now()) < 60_000 ? ", and the timestamp of what is forwarded" : "";
console.log("javascript kafka:", await verdict(() => Kafka.toEvent(record)) + stamped);
const time = "2026-01-01T00:00:00.123456789Z";
console.log(`javascript ${time}: read as`, HTTP.toEvent(structured({ ...event, time })).toJSON().time);
JS
cat >probe.py <<'PY'
import datetime, json, time
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat

form = JSONFormat()
event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}

def verdict(read):
    first = read().get_time()
    time.sleep(0.05)
    second = read().get_time()
    made = first is not None and abs((datetime.datetime.now(datetime.timezone.utc) - first).total_seconds()) < 60
    return f"{'made up' if made else first}, {'the same' if first == second else 'another one'} on the next read"

print("python structured:", verdict(lambda: form.read(None, json.dumps(event))))
print("python binary:", verdict(lambda: http.from_binary(http.HTTPMessage({f"ce-{k}": v for k, v in event.items()}, b"x"), form)))
record = kafka.KafkaMessage({f"ce_{k}": v.encode() for k, v in event.items()}, None, b"x")
print("python kafka:", verdict(lambda: kafka.from_binary(record, form)))
sent = "2026-01-01T00:00:00.123456789Z"
print(f"python {sent}: written again as", json.loads(form.write(form.read(None, json.dumps({**event, "time": sent}))))["time"])
PY
seen=$(timeout 60 node probe.mjs 2>log && timeout 60 v/bin/python probe.py 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
