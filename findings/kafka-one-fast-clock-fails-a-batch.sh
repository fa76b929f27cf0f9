#!/usr/bin/env bash
# If one message's timestamp is over an hour ahead, a Kafka 4 broker refuses its whole batch.
# Clients report this differently.
#
# Software:  Maven org.apache.kafka:kafka_2.13 4.3.1 (one node, Java 17), PyPI confluent-kafka
#            2.16.1 (librdkafka), kafka-python 3.0.12, aiokafka 0.14.0
# Behaviour: Since Kafka 4.0 a broker refuses timestamps more than an hour ahead
#            (message.timestamp.after.max.ms; there was no limit before). It refuses the batch, not
#            the message. Five messages go to one partition within the linger time, and the third
#            one has a clock that is two hours ahead. None of the five is stored.
#              * kafka-python reports the wrong message by its position in the batch, and reports
#                the other four separately;
#              * confluent-kafka and aiokafka report "invalid timestamp" for all five, although four
#                are correct;
#              * confluent-kafka also reports offsets 0 to 3 for the refused messages, in a topic
#                that is empty.
#            No client retries: the error is final for each message. With a linger time of 0 the
#            error concerns one message or also its neighbours, by chance.
# Expected:  The broker refuses the wrong message and stores the other four, or the client sends
#            them again without it.
# Matters:   A producer that uses the event's time as the record's timestamp (sensors, devices,
#            replays of a test) loses correct events because of one wrong clock. A dead-letter rule
#            by error code drops four correct events. An offset in a delivery report does not prove
#            that the record was stored.
# Seen:      the table below.
set -euo pipefail
expected='confluent-kafka  m0 INVALID_TIMESTAMP offset none
confluent-kafka  m1 INVALID_TIMESTAMP offset 0
confluent-kafka  m2 INVALID_TIMESTAMP offset 1
confluent-kafka  m3 INVALID_TIMESTAMP offset 2
confluent-kafka  m4 INVALID_TIMESTAMP offset 3
kafka-python     m0 KafkaError part of a batch with an invalid record
kafka-python     m1 KafkaError part of a batch with an invalid record
kafka-python     m2 InvalidTimestampError names message 2
kafka-python     m3 KafkaError part of a batch with an invalid record
kafka-python     m4 KafkaError part of a batch with an invalid record
aiokafka         m0 InvalidTimestampError
aiokafka         m1 InvalidTimestampError
aiokafka         m2 InvalidTimestampError
aiokafka         m3 InvalidTimestampError
aiokafka         m4 InvalidTimestampError
stored: 0, 0, 0'

for tool in java mvn python3; do command -v "$tool" >/dev/null || { echo "missing: $tool (Java 17 or later, Maven, Python)"; exit 2; }; done
work=$(mktemp -d); broker=
trap '[ -z "$broker" ] || { kill "$broker"; wait "$broker" || true; } 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.3.1</version></dependency></dependencies>
</project>
XML
timeout 170 mvn -q -B -Dmaven.repo.local="$work/m2" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars >log 2>&1 ||
    { echo "missing: the Maven artifact kafka_2.13: $(head -n 1 log)"; exit 2; }
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check confluent-kafka==2.16.1 kafka-python==3.0.12 aiokafka==0.14.0 2>log ||
    { echo "missing: PyPI's confluent-kafka, kafka-python, aiokafka: $(tail -n 1 log)"; exit 2; }

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
client=$(port); controller=$(port)
cat >server.properties <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$client,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$client
controller.listener.names=CONTROLLER
log.dirs=$work/data
offsets.topic.replication.factor=1
PROPERTIES
java -cp 'jars/*' kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c server.properties >log 2>&1 || { cat log; exit 1; }
java -Xmx400m -cp 'jars/*' kafka.Kafka server.properties >broker.log 2>&1 & broker=$!

cat >probe.py <<'PY'
import asyncio, sys, time
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaProducer

address = sys.argv[1]
admin = AdminClient({"bootstrap.servers": address})
for made in admin.create_topics([NewTopic(t, 1, 1) for t in ("a", "b", "c")], operation_timeout=30).values():
    made.result(60)
now = int(time.time() * 1000)
times = [now, now, now + 2 * 3600 * 1000, now, now]

reports = []
producer = Producer({"bootstrap.servers": address, "linger.ms": 1000})
for i, t in enumerate(times):
    producer.produce("a", f"m{i}", timestamp=t, on_delivery=lambda e, m: reports.append((m.value().decode(), e.name() if e else "stored", m.offset())))
producer.flush(30)
for value, error, offset in sorted(reports):
    print(f"confluent-kafka  {value} {error} offset {'none' if offset is None else offset}")

producer = KafkaProducer(bootstrap_servers=address, linger_ms=1000)
sent = [producer.send("b", f"m{i}".encode(), timestamp_ms=t) for i, t in enumerate(times)]
for i, s in enumerate(sent):
    try:
        print(f"kafka-python     m{i} stored at {s.get(30).offset}")
    except Exception as e:
        why = "part of a batch with an invalid record" if "part of a batch" in str(e) else "names message 2" if "offset 2" in str(e) else str(e)
        print(f"kafka-python     m{i} {type(e).__name__} {why}")
producer.close()

async def third():
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=1000)
    await producer.start()
    sent = [await producer.send("c", f"m{i}".encode(), timestamp_ms=t) for i, t in enumerate(times)]
    for i, s in enumerate(sent):
        try:
            print(f"aiokafka         m{i} stored at {(await asyncio.wait_for(s, 30)).offset}")
        except Exception as e:
            print(f"aiokafka         m{i} {type(e).__name__}")
    await producer.stop()
asyncio.run(third())

consumer = Consumer({"bootstrap.servers": address, "group.id": "g"})
print("stored:", ", ".join(str(consumer.get_watermark_offsets(TopicPartition(t, 0), 30)[1]) for t in "abc"))
consumer.close()
PY
seen=$(timeout 120 v/bin/python probe.py "127.0.0.1:$client" 2>log) || { tail -n 5 log broker.log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
