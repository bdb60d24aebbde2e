"""./quickstart --ui on the broker at $ONCE_TEST_BOOTSTRAP: it stays up, its addresses answer, a key kills a pod, and its end is orderly.
The first argument is the directory of the example's binaries; they stand in for what it would build."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BINARIES = ("order_totals", "order_generator", "order_verifier")
PATIENCE = 120
BAZEL = """#!/bin/sh
for option in "$@"; do
  case "$option" in --symlink_prefix=*) prefix="${option#*=}" ;; esac
done
mkdir -p "${prefix}bin/examples" && cp -rL "%s" "${prefix}bin/examples/order_totals"
"""
built = None


def get(address, path):
    """Returns (status, body); (0, "") if nobody answers."""
    try:
        with urllib.request.urlopen(address + path, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def metric(address, name):
    """The sum of its series, or None if there are none."""
    values = re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % name, get(address, "metrics")[1], re.MULTILINE)
    return sum(float(value) for value in values) if values else None


class Run:
    """./quickstart --ui, under a terminal of its own or without one; what it prints is kept."""

    def __init__(self, work, on_terminal):
        tools = os.path.join(work, "tools")
        os.makedirs(tools)
        bazel = os.path.join(tools, "bazel")
        with open(bazel, "w", encoding="utf-8") as file:
            file.write(BAZEL % built)
        os.chmod(bazel, 0o755)
        self.tmp = os.path.join(work, "tmp")
        os.makedirs(self.tmp)
        environment = dict(os.environ, PATH=tools + ":" + os.environ["PATH"], TMPDIR=self.tmp)
        command = [os.path.join(TREE, "quickstart"), "--ui",
                   "--bootstrap_servers=" + os.environ["ONCE_TEST_BOOTSTRAP"]]
        self.text = ""
        if on_terminal:
            ours, theirs = pty.openpty()
            self.output = ours
            self.process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
                                            start_new_session=True,
                                            preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))  # TIOCSCTTY
            os.close(theirs)
        else:
            ours, theirs = os.pipe()
            self.output = ours
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs,
                                            stderr=theirs, start_new_session=True)
            os.close(theirs)

    def type(self, keys):
        os.write(self.output, keys)

    def read(self, seconds):
        if not select.select([self.output], [], [], seconds)[0]:
            return
        try:
            self.text += os.read(self.output, 65536).decode(errors="replace")
        except OSError:
            pass  # The terminal's other end is closed.

    def await_text(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = re.search(pattern, self.text)
            if found:
                return found
            if self.process.poll() is not None and not select.select([self.output], [], [], 0)[0]:
                break
            self.read(0.2)
        raise AssertionError("%r did not come in:\n%s" % (pattern, self.text))

    def await_end(self):
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.2)
        return self.process.poll()

    def addresses(self):
        return [self.await_text(r"Pod %d: (http://127\.0\.0\.1:\d+/)" % number).group(1) for number in (1, 2)]

    def left(self):
        """Processes of this run's."""
        found = subprocess.run(["pgrep", "-f", self.tmp], capture_output=True, text=True, check=False).stdout.split()
        return [pid for pid in found if int(pid) != os.getpid()]

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        os.close(self.output)


class UiTest(unittest.TestCase):

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="once-ui-test.")
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)

    def start(self, on_terminal):
        run = Run(self.work, on_terminal)
        self.addCleanup(run.end)
        return run

    def eventually(self, what, run):
        deadline = time.monotonic() + PATIENCE
        while not what():
            self.assertLess(time.monotonic(), deadline, run.text)
            run.read(0.2)

    def test_without_a_terminal_it_stays_until_told_to_end(self):
        run = self.start(on_terminal=False)
        addresses = run.addresses()
        for address in addresses:
            self.eventually(lambda address=address: get(address, "readyz")[0] == 200, run)
            self.assertEqual(json.loads(get(address, "v1/status")[1])["application"][:23], "order-totals-quickstart")
        processed = lambda: sum(metric(address, "once_events_total") or 0 for address in addresses)
        before = processed()
        self.eventually(lambda: processed() > before, run)
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(run.await_end(), 0, run.text)
        self.assertEqual(run.left(), [])
        self.assertEqual(os.listdir(run.tmp), [], "what it wrote is thrown away")

    def test_a_key_kills_a_pod_and_ctrl_c_ends_all(self):
        run = self.start(on_terminal=True)
        address, other = run.addresses()
        self.eventually(lambda: get(address, "readyz")[0] == 200 and get(other, "readyz")[0] == 200, run)
        started = metric(address, "once_start_time_seconds")
        run.type(b"k")
        run.await_text("Killed pod 1 with -9")
        self.eventually(lambda: (metric(address, "once_start_time_seconds") or 0) > started, run)
        self.eventually(lambda: get(address, "readyz")[0] == 200, run)
        run.type(b"\r")
        run.await_text("Killed pod 2 with -9")
        self.eventually(lambda: get(other, "readyz")[0] == 200, run)
        run.type(b"\x03")
        self.assertEqual(run.await_end(), 0, run.text)
        self.assertIn("Stopping", run.text)
        self.assertEqual(run.left(), [])


if __name__ == "__main__":
    built = os.path.realpath(sys.argv.pop(1))
    for binary in BINARIES:
        assert os.path.exists(os.path.join(built, binary)), binary
    sys.exit(unittest.main(verbosity=2))
