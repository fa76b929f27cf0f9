#!/usr/bin/env bash
# Kafka Connect's default header converter changes a CloudEvent's attributes, until the event is not
# valid any more.
#
# Software:  Maven org.apache.kafka:connect-api 4.3.1, io.cloudevents:cloudevents-kafka 4.0.1, Java
#            17
# Behaviour: Connect reads each header with SimpleHeaderConverter unless header.converter says
#            otherwise. This converter guesses a type from the text, and writes the value in that
#            type's form. So a connector that does not use headers still changes their bytes (a sink
#            that forwards them, or a source with a transform):
#              * ce_specversion 1.0 is taken for a number and becomes 1; the CloudEvents SDK for
#                Java then refuses the event;
#              * ce_id 00123 becomes 123, so the ids 00123 and 123 are equal; ce_id 78e99523, which
#                is a typical short hash of git, is taken for a number with an exponent and becomes
#                7.8E+99524;
#              * ce_time at midnight with three decimals becomes a date; with no decimals or six it
#                is unchanged;
#              * ce_dataversion 1.10 becomes 1.1; a subject that looks like an array is rewritten as
#                one.
#            Key and value are unchanged, so the fault is not visible until a client reads the
#            headers.
# Expected:  Header bytes that a connector does not use stay unchanged. MirrorMaker does this: it
#            sets ByteArrayConverter for its headers.
# Remedy:    header.converter=org.apache.kafka.connect.converters.ByteArrayConverter in each worker
#            and connector.
# Matters:   CloudEvents' binary mode keeps all attributes in headers, and duplicates are found by
#            ce_source and ce_id.
# Seen:      the table below.
set -euo pipefail
expected='ce_specversion  1.0 -> 1
ce_id           00123 -> 123
ce_id           78e99523 -> 7.8E+99524
ce_time         2026-01-01T00:00:00.000Z -> 2026-01-01
ce_time         2026-01-01T00:00:00Z same
ce_time         2026-01-01T00:00:00.000000Z same
ce_dataversion  1.10 -> 1.1
ce_subject      [1, 2,03] -> [1,2,3]
ce_subject      build 7 same
ce_traceparent  00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 same
before: event 00123 of /builds
after: CloudEventRWException: Invalid specversion: 1'

for tool in java javac mvn; do command -v "$tool" >/dev/null || { echo "missing: $tool (Java 17 or later and Maven)"; exit 2; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId><version>4.3.1</version></dependency>
    <dependency><groupId>io.cloudevents</groupId><artifactId>cloudevents-kafka</artifactId><version>4.0.1</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>4.3.1</version></dependency>
  </dependencies>
</project>
XML
timeout 170 mvn -q -B -Dmaven.repo.local="$work/m2" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars >log 2>&1 ||
    { echo "missing: the Maven artifacts connect-api, kafka-clients, cloudevents-kafka: $(head -n 1 log)"; exit 2; }

cat >Probe.java <<'JAVA'
import static java.nio.charset.StandardCharsets.UTF_8;
import io.cloudevents.kafka.KafkaMessageFactory;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

public class Probe {
    static final SimpleHeaderConverter connect = new SimpleHeaderConverter();

    static byte[] through(String name, byte[] value) {
        var seen = connect.toConnectHeader("topic", name, value);
        return connect.fromConnectHeader("topic", name, seen.schema(), seen.value());
    }

    static void show(String name, String before) {
        String after = new String(through(name, before.getBytes(UTF_8)), UTF_8);
        System.out.printf("%-15s %s %s%n", name, before, after.equals(before) ? "same" : "-> " + after);
    }

    static void read(String when, Headers headers) {
        try {
            var event = KafkaMessageFactory.createReader(headers, "{}".getBytes(UTF_8)).toEvent();
            System.out.println(when + ": event " + event.getId() + " of " + event.getSource());
        } catch (RuntimeException e) {
            System.out.println(when + ": " + e.getClass().getSimpleName() + ": " + e.getMessage());
        }
    }

    public static void main(String[] none) {
        show("ce_specversion", "1.0");
        show("ce_id", "00123");
        show("ce_id", "78e99523");
        show("ce_time", "2026-01-01T00:00:00.000Z");
        show("ce_time", "2026-01-01T00:00:00Z");
        show("ce_time", "2026-01-01T00:00:00.000000Z");
        show("ce_dataversion", "1.10");
        show("ce_subject", "[1, 2,03]");
        show("ce_subject", "build 7");
        show("ce_traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        Headers sent = new RecordHeaders();
        String[][] attributes = {{"ce_specversion", "1.0"}, {"ce_id", "00123"}, {"ce_source", "/builds"}, {"ce_type", "finished"}};
        for (String[] a : attributes) sent.add(a[0], a[1].getBytes(UTF_8));
        read("before", sent);
        Headers forwarded = new RecordHeaders();
        sent.forEach(h -> forwarded.add(h.key(), through(h.key(), h.value())));
        read("after", forwarded);
    }
}
JAVA
seen=$(timeout 60 java -cp 'jars/*' Probe.java 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
