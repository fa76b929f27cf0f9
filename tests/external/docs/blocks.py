"""Runs the marked blocks of pages in a folder: blocks.py FOLDER [--start COMMAND] PAGE…"""

import os, re, signal, socket, subprocess, sys, time, urllib.request
from pathlib import Path

# The embedded broker assigns partitions about 5 s after the start.
SETTLE_SECONDS = 8
# A block finds the records of the block before it.
PAUSE_SECONDS = 1
QUIET_SECONDS = 4
READY_SECONDS = 120
BLOCK_SECONDS = 120
# Ids, numbers and times differ from run to run. An id ends with ~ and its stream after a restart.
VARYING = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{16,}\b|baf[a-z2-7]{50,}|(?<=weir_)[\w-]{43}|-?\d+(?:\.\d+)?")
BLOCK = re.compile(r"^<!-- run(: background)? -->\n```sh\n(.*?)^```$(?:\n+```text\n(.*?)^```$)?", re.M | re.S)


class Background:
    """The program that runs while the other blocks do."""

    def __init__(self, folder, environment):
        self.folder, self.environment, self.running = folder, environment, None
        self.log = Path(environment["HOME"], "background.log")

    def start(self, command):
        self.stop()
        with self.log.open("w") as log:
            self.running = subprocess.Popen(["bash", "-c", "exec " + command], cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        end = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.running.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the program does not become ready")
            time.sleep(0.2)
        self.settle(end)

    def settle(self, end):
        """Waits until the consumer has its partitions and stores no more records. With API keys the metrics are closed, and the wait is of fixed length."""
        before, since = None, time.monotonic()
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen("http://127.0.0.1:3000/metrics", timeout=5) as answer:
                    metrics = answer.read().decode()
            except OSError:
                return time.sleep(SETTLE_SECONDS)
            now = sorted(re.findall(r"^weir_records_total.*|^weir_partitions_assigned (?!0$).*", metrics, re.M))
            if now != before or not any("assigned" in line for line in now):
                before, since = now, time.monotonic()
            if time.monotonic() - since > QUIET_SECONDS:
                return None
            time.sleep(0.5)
        raise RuntimeError("the program does not read from Kafka")

    def is_ready(self):
        try:
            with urllib.request.urlopen("http://127.0.0.1:3000/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(signal.SIGINT)
            try:
                self.running.wait(60)
            except subprocess.TimeoutExpired:
                self.running.kill()
                raise RuntimeError("the program does not stop within 60 s")


def shape(text):
    """Returns a text without the parts that differ from run to run, and without white space."""
    return re.sub(r"\s|-{2,}|─", "", VARYING.sub("0", re.sub(r"~\d+", "", text)))


def missing(expected, output):
    """Returns the first line that the page shows and the output lacks. An ellipsis replaces any text."""
    printed = shape(output)
    for line in expected.splitlines():
        for part in line.split("…"):
            if shape(part) not in printed:
                return part.strip()
    return None


def run(command, expected, folder, environment):
    """Returns the fault of a block, and its output."""
    # A status of 400 and more fails curl, unless the page shows such an answer.
    shows_error = re.search(r'"status":4|"invalid":', expected or "")
    fails = "" if shows_error else "fail-with-body\n"
    Path(environment["HOME"], ".curlrc").write_text(fails)
    try:
        done = subprocess.run(["bash", "-e", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BLOCK_SECONDS)
    except subprocess.TimeoutExpired as late:
        return f"it takes more than {BLOCK_SECONDS} s", late.stdout or ""
    if done.returncode:
        return f"status {done.returncode}", done.stdout
    lacks = missing(expected or "", done.stdout)
    return lacks and f"the page shows a line that the command does not print: {lacks}", done.stdout


def main(folder, *arguments):
    start, pages = None, list(arguments)
    if pages[:1] == ["--start"]:
        start, pages = pages[1], pages[2:]
    for port in (3000, 9092):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"port {port} is in use: stop the program that listens there")
    home = Path(folder + "-home")
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    background, count, faults = Background(folder, environment), 0, []
    try:
        if start:
            background.start(start)
        for page in pages:
            text = Path(folder, page).read_text()
            for block in BLOCK.finditer(text):
                line, command, began = text.count("\n", 0, block.start(2)) + 1, block[2], time.monotonic()
                time.sleep(PAUSE_SECONDS)
                fault, output = None, ""
                if block[1]:
                    try:
                        background.start(command.strip())
                    except RuntimeError as error:
                        fault, output = error, background.log.read_text()
                else:
                    fault, output = run(command, block[3], folder, environment)
                if fault:
                    log = background.log.read_text() if background.log.exists() else ""
                    text_of_fault = f"{page}:{line}: {fault}\n--- command\n{command}--- output\n{output}\n"
                    if block[1]:
                        sys.exit(f"{text_of_fault}--- the running program\n{log}")
                    # The other blocks run too, so that one run shows every fault.
                    faults.append(text_of_fault)
                    continue
                print(f"{page}:{line}: passed in {time.monotonic() - began:.1f} s", flush=True)
                count += 1
            if text.count("\n<!-- run") != len(BLOCK.findall(text)):
                sys.exit(f"{page}: a mark has no block of sh below it")
    finally:
        background.stop()
    if faults:
        sys.exit("\n".join(faults))
    print(f"{count} blocks of {len(pages)} pages passed")


main(*sys.argv[1:])
