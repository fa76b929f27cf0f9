#!/usr/bin/env bash
# Apache Kafka's client cannot connect to librdkafka's mock broker: the mock's answer to an unknown
# version is malformed.
#
# Software:  PyPI confluent-kafka 2.16.1 (its librdkafka contains the mock broker), aiokafka 0.14.0,
#            kafka-python 3.0.12, Maven org.apache.kafka:kafka-clients 4.3.1 (Java 17)
# Behaviour: A client begins with ApiVersions in the newest version that it supports, which has been
#            3 or later for years. A broker without that version answers in version 0 with error 35,
#            and the client asks again with the version in that answer (KIP-511). The mock supports
#            0 to 2. It answers 35, but writes the length of the following list as one byte, as
#            later versions do. Version 0 needs four bytes. librdkafka accepts this answer. aiokafka
#            begins with an old version and never gets it. The Java client and kafka-python cannot
#            read the answer. They close the connection and retry until their timeout: "topic not
#            present in metadata", "unable to bootstrap". No message names the cause. (Tried by
#            hand, not here: franz-go 1.22, sarama 1.61 and kafka-go 0.4.51 cannot connect either;
#            kafkajs 2.2.4 can.)
# Expected:  A test broker that listens on a port works with every client, or reports what it does
#            not support.
# Matters:   Tests and demos with the mock (test.mock.num.brokers, rdkafka's MockCluster in Rust)
#            prove nothing about producers in other languages. A user with a Java producer concludes
#            that the broker is not running.
# Seen:      the table below. The bytes are those after length and correlation id.
set -euo pipefail
expected='ApiVersions 2 answered with error 0
ApiVersions 3 answered with 0023 01 0012 0000 0002
ApiVersions 4 answered with 0023 01 0012 0000 0002
confluent-kafka stored at 0
aiokafka stored at 0
kafka-python KafkaTimeoutError
java TimeoutException'

for tool in java javac mvn python3; do command -v "$tool" >/dev/null || { echo "missing: $tool (Java 17 or later, Maven, Python)"; exit 2; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>4.3.1</version></dependency></dependencies>
</project>
XML
timeout 170 mvn -q -B -Dmaven.repo.local="$work/m2" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars >log 2>&1 ||
    { echo "missing: the Maven artifact kafka-clients: $(head -n 1 log)"; exit 2; }
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check confluent-kafka==2.16.1 kafka-python==3.0.12 aiokafka==0.14.0 2>log ||
    { echo "missing: PyPI's confluent-kafka, kafka-python, aiokafka: $(tail -n 1 log)"; exit 2; }

cat >Probe.java <<'JAVA'
import java.util.Map;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

public class Probe {
    public static void main(String[] address) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", address[0], "max.block.ms", "10000");
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            System.out.println("java stored at " + producer.send(new ProducerRecord<>("java", "v")).get().offset());
        } catch (java.util.concurrent.ExecutionException e) {
            System.out.println("java " + e.getCause().getClass().getSimpleName());
        }
    }
}
JAVA
cat >probe.py <<'PY'
import asyncio, logging, socket, struct, subprocess
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from kafka import KafkaProducer

logging.disable(logging.CRITICAL)
mock = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
broker = next(iter(mock.list_topics(timeout=30).brokers.values()))
address = f"{broker.host}:{broker.port}"

def receive(connection, length):
    data = b""
    while len(data) < length:
        data += connection.recv(length - len(data))
    return data

def api_versions(version):
    # Header: key 18, version, correlation id, client id "c". From version 3 on it also has tagged
    # fields, and the name and version of the client.
    request = struct.pack(">hhih", 18, version, 1, 1) + b"c" + (b"\0" + b"\2n" + b"\2v" + b"\0" if version >= 3 else b"")
    with socket.create_connection((broker.host, broker.port), 10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = receive(connection, struct.unpack(">i", receive(connection, 4))[0])[4:]
    if answer[:2] == b"\0\0":
        return "error 0"
    return " ".join(part.hex() for part in (answer[:2], answer[2:3], answer[3:5], answer[5:7], answer[7:9]))

for version in (2, 3, 4):
    print(f"ApiVersions {version} answered with {api_versions(version)}")

producer = Producer({"bootstrap.servers": address, "log_level": 0})
producer.produce("confluent", b"v", on_delivery=lambda error, m: print(f"confluent-kafka {error or f'stored at {m.offset()}'}"))
producer.flush(30)

async def send():
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    print("aiokafka stored at", (await asyncio.wait_for(producer.send_and_wait("aiokafka", b"v"), 30)).offset)
    await producer.stop()
asyncio.run(send())

try:
    producer = KafkaProducer(bootstrap_servers=address, bootstrap_timeout_ms=8000)
    print("kafka-python stored at", producer.send("kafka-python", b"v").get(10).offset)
except Exception as e:
    print("kafka-python", type(e).__name__)
print(subprocess.run(["java", "-cp", "jars/*", "Probe.java", address], capture_output=True, text=True, timeout=60).stdout.strip(), flush=True)
PY
seen=$(timeout 150 v/bin/python probe.py 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
