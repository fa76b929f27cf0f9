#!/usr/bin/env bash
# A topic that is deleted and created again can stay without a reader for ever, although the group
# that subscribes to it is alive.
#
# Software:  PyPI confluent-kafka 2.16.1 (librdkafka), Maven org.apache.kafka:kafka_2.13 4.3.1 (one
#            node, Java 17)
# Behaviour: A consumer reads a topic. The topic is deleted. Before the consumer refreshes its
#            metadata, another member joins the group, which subscribes to another topic. The first
#            member is the leader of the group: it asks for the metadata, finds no such topic, and
#            assigns nothing. Then the topic is created again, before the next refresh. At each
#            refresh the leader finds the topic as it was at the refresh before. It does not compare
#            the topics with the metadata of the assignment. So it does not join the group again,
#            and no member gets the partition. There is no error and no event. It ends when the
#            group is balanced for another reason, here because the second member leaves.
# Expected:  The partition is assigned after the next refresh, as it is without the second member.
# Matters:   A deployment that recreates a topic while consumers start, or a test that does, leaves
#            a topic that nothing reads. Lag by committed offsets shows nothing, because the offsets
#            were deleted with the topic.
# Remedy:    Subscribe again (the same topics are enough) if a topic that was created stays without
#            a partition.
# Seen:      the lines below.
set -euo pipefail
expected='the topic exists: the first member has 1 partition
the second member joins while the topic does not exist: the first member has 0
two refreshes after the topic was created again: the first member has 0, received []
after the second member leaves: the first member has 1, received ["order 1"]'

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
timeout 170 v/bin/pip install -q --disable-pip-version-check confluent-kafka==2.16.1 2>log ||
    { echo "missing: PyPI's confluent-kafka: $(tail -n 1 log)"; exit 2; }

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
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
PROPERTIES
java -cp 'jars/*' kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c server.properties >log 2>&1 || { cat log; exit 1; }
java -Xmx400m -cp 'jars/*' kafka.Kafka server.properties >broker.log 2>&1 & broker=$!

cat >probe.py <<'PY'
import json, sys, time
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

REFRESH = 30
address = sys.argv[1]
admin = AdminClient({"bootstrap.servers": address})

def create(*topics):
    for made in admin.create_topics([NewTopic(t, 1, 1) for t in topics], operation_timeout=30).values():
        made.result(60)

def member(topic):
    settings = {"bootstrap.servers": address, "group.id": "g", "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": REFRESH * 1000}
    consumer, given = Consumer(settings), []
    consumer.subscribe([topic], on_assign=lambda _, partitions: given.append(len(partitions)))
    return consumer, given

def polled(members, until, seconds):
    """Polls the members until the condition holds, and returns the values that came."""
    end, values = time.monotonic() + seconds, []
    while time.monotonic() < end and not until():
        for consumer, _ in members:
            message = consumer.poll(0.1)
            if message is not None and not message.error():
                values.append(message.value().decode())
    return values

create("orders", "others")
producer = Producer({"bootstrap.servers": address})
first, given = member("orders")
polled([(first, given)], lambda: given, 30)
print("the topic exists: the first member has", len(first.assignment()), "partition")

for gone in admin.delete_topics(["orders"], operation_timeout=30).values():
    gone.result(60)
second, others = member("others")
both = [(first, given), (second, others)]
polled(both, lambda: others and len(given) > 1, 30)
print("the second member joins while the topic does not exist: the first member has", len(first.assignment()))

create("orders")
producer.produce("orders", "order 1")
producer.flush(30)
values = polled(both, lambda: False, 2.5 * REFRESH)
print(f"two refreshes after the topic was created again: the first member has {len(first.assignment())}, received {json.dumps(values)}")

second.close()
values = polled([(first, given)], lambda: first.assignment(), 30) + polled([(first, given)], lambda: False, 5)
print(f"after the second member leaves: the first member has {len(first.assignment())}, received {json.dumps(values)}")
first.close()
PY
seen=$(timeout 170 v/bin/python probe.py "127.0.0.1:$client" 2>log) || { tail -n 5 log broker.log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
