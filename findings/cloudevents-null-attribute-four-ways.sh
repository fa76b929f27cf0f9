#!/usr/bin/env bash
# "null" as a CloudEvent's attribute means "not set". One SDK makes the text "null" of it, one
# refuses it, one passes null on.
#
# Software:  Maven io.cloudevents:cloudevents-json-jackson 4.0.1 with cloudevents-kafka 4.0.1 (Java
#            17), PyPI cloudevents 2.2.0 (Python 3.11 or later), npm cloudevents 10.0.0 (Node.js 20)
# Behaviour: CloudEvents' JSON format allows null for an attribute that is not set, and requires
#            readers to treat it as unset. The event has "subject": null or the extension "tenant":
#            null:
#              * Java treats a null subject as unset. It converts a null extension to the text
#                "null" of four letters, and writes it as a JSON string and as the Kafka header
#                ce_tenant;
#              * Python refuses null in standard attributes (subject, dataschema, datacontenttype; a
#                TypeError for time). It keeps a null extension: as null in JSON, and omitted in
#                binary mode;
#              * JavaScript treats a null subject as unset, and keeps a null extension: as null in
#                the headers that it makes for binary mode. fetch sends it as ce-tenant: null, the
#                text. For Kafka it makes a header without a value, which the client kafkajs cannot
#                send.
# Expected:  All three omit the attribute.
# Matters:   Serializers that write every field (C#, Jackson, pydantic without exclude_none) make
#            such events. The language of the relay decides whether such an event goes to a tenant
#            called "null" or is refused.
# Seen:      the table below.
set -euo pipefail
expected='java subject: unset
java tenant: text null; Kafka header ce_tenant is text null
python subject: refused, CloudEventValidationError
python time: refused, TypeError
python tenant: kept as None; JSON null; binary mode without it
javascript subject: unset
javascript tenant: kept as null; Kafka header ce_tenant is null; HTTP receiver gets ce-tenant text null'

for tool in java javac mvn node npm python3; do command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 2; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.cloudevents</groupId><artifactId>cloudevents-json-jackson</artifactId><version>4.0.1</version></dependency>
    <dependency><groupId>io.cloudevents</groupId><artifactId>cloudevents-kafka</artifactId><version>4.0.1</version></dependency>
  </dependencies>
</project>
XML
timeout 170 mvn -q -B -Dmaven.repo.local="$work/m2" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars >log 2>&1 ||
    { echo "missing: the Maven artifacts cloudevents-json-jackson, cloudevents-kafka: $(head -n 1 log)"; exit 2; }
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check cloudevents==2.2.0 2>log ||
    { echo "missing: PyPI's cloudevents: $(tail -n 1 log)"; exit 2; }
echo '{"type": "module"}' >package.json
timeout 170 npm install --silent --no-audit --no-fund --ignore-scripts cloudevents@10.0.0 >log 2>&1 ||
    { echo "missing: npm's cloudevents: $(tail -n 1 log)"; exit 2; }

cat >Probe.java <<'JAVA'
import static java.nio.charset.StandardCharsets.UTF_8;
import io.cloudevents.CloudEvent;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.KafkaMessageFactory;

public class Probe {
    static CloudEvent read(String more) {
        return new JsonFormat().deserialize(("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"," + more + "}").getBytes(UTF_8));
    }

    static String what(Object value) {
        return value == null ? "unset" : value instanceof String ? "text " + value : value.toString();
    }

    public static void main(String[] none) {
        System.out.println("java subject: " + what(read("\"subject\":null").getSubject()));
        CloudEvent event = read("\"tenant\":null");
        byte[] header = KafkaMessageFactory.createWriter("topic").writeBinary(event).headers().lastHeader("ce_tenant").value();
        System.out.println("java tenant: " + what(event.getExtension("tenant")) + "; Kafka header ce_tenant is text " + new String(header, UTF_8));
    }
}
JAVA
cat >probe.py <<'PY'
import json
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat

form = JSONFormat()
def read(name):
    return form.read(None, json.dumps({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", name: None}))

for name in ["subject", "time"]:
    try:
        print(f"python {name}: {read(name).get_attributes().get(name)}")
    except Exception as e:
        print(f"python {name}: refused, {type(e).__name__}")
event = read("tenant")
again = json.loads(form.write(event))
binary = "with" if "ce-tenant" in http.to_binary(event, form).headers else "without"
print(f"python tenant: kept as {event.get_extension('tenant')}; JSON {json.dumps(again['tenant'])}; binary mode {binary} it")
PY
cat >probe.mjs <<'JS'
import { createServer } from "node:http";
import { once } from "node:events";
import { HTTP, Kafka } from "cloudevents";
const read = (more) => HTTP.toEvent({
  headers: { "content-type": "application/cloudevents+json" },
  body: JSON.stringify({ specversion: "1.0", id: "1", source: "/s", type: "t", ...more }),
});
console.log("javascript subject:", read({ subject: null }).toJSON().subject ?? "unset");
const event = read({ tenant: null });
let received;
const server = createServer((request, response) => { received = request.headers; response.end(); }).listen(0, "127.0.0.1");
await once(server, "listening");
const { headers, body } = HTTP.binary(event);
await fetch(`http://127.0.0.1:${server.address().port}/`, { method: "POST", headers, body });
server.close();
server.closeAllConnections();
console.log(`javascript tenant: kept as ${event.tenant}; Kafka header ce_tenant is ${Kafka.binary(event).headers.ce_tenant};`,
  `HTTP receiver gets ce-tenant text ${received["ce-tenant"]}`);
JS
seen=$(timeout 60 java -cp 'jars/*' Probe.java 2>log && timeout 60 v/bin/python probe.py 2>log && timeout 60 node probe.mjs 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
