"""Reads the concurrent checker's lines: how far each partition's committed output is, and what it found wrong."""

import subprocess
import threading
import time

import processes

_SETTLE_S = 0.6  # What was committed before has been read and printed by then.


class Watcher:
    """Thread-safe."""

    def __init__(self, world):
        self.violations = []  # Texts; at most the first hundred.
        self.count = 0
        self.dead_letters = 0
        self.failed = {}  # {event ID: reason} of odd orders whose FAILED dead letter has come.
        self.samples = []  # (seconds since the start, records)
        self._records = []
        self._lock = threading.Lock()
        self._world = world
        self._stopping = False
        self._process = self._launch()
        threading.Thread(target=self._read, daemon=True).start()

    def _launch(self):
        world = self._world
        return processes.Process([world.binary("tests/chaos/watcher"), world.cluster.bootstrap, world.output,
                                  world.dead_letters, str(world.partitions)], world.log("watcher"),
                                 stdout=subprocess.PIPE)

    def _read(self):
        """A watcher that ends by itself is followed by another, which reads everything again from the beginning."""
        with open(self._world.log("watcher-states"), "w", encoding="utf-8") as log:
            while True:
                for line in self._process.stdout:
                    log.write("%.1f %s" % (self._world.clock(), line.decode()))
                    self._take(line.decode().strip())
                code = self._process.wait(10)
                if self._stopping:
                    return
                self._world.say("the watcher ended by itself, code %s, and begins again: %s" % (
                    code, self._process.tail(1).strip()[:200]))
                time.sleep(1)
                self._process = self._launch()

    def _take(self, line):
        words = line.split()
        if words and words[0] == "state":
            state = dict(word.split("=", 1) for word in words[1:])
            with self._lock:
                self._records = [int(count) for count in state["records"].split(",")]
                self.count = int(state["violations"])
                self.dead_letters = int(state["dead_letters"])
                self.samples.append((self._world.clock(), sum(self._records)))
        elif words and words[0] == "failed":
            with self._lock:
                self.failed[words[1]] = words[2]
        elif words and words[0] == "violation":
            with self._lock:
                self.violations.append(line)
            self._world.say(line)

    def records(self):
        """Committed outputs by partition."""
        with self._lock:
            return list(self._records)

    def total(self):
        return sum(self.records())

    def await_progress(self, seconds):
        """The partitions that have committed nothing new in that time: none, as soon as all have."""
        time.sleep(_SETTLE_S)
        mark = self.records()

        def stuck():
            return [partition for partition, (before, after) in enumerate(zip(mark, self.records())) if after <= before]

        processes.wait_until(lambda: not stuck(), seconds)
        return stuck()

    def stop(self):
        self._stopping = True
        self._process.stop(20)
