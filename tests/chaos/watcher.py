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
        self.samples = []  # (seconds since the start, records)
        self._records = []
        self._lock = threading.Lock()
        self._world = world
        self._process = processes.Process(
            [world.binary("tests/chaos/watcher"), world.cluster.bootstrap, world.output, world.dead_letters,
             str(world.partitions)], world.log("watcher"), stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            words = line.decode().split()
            if words and words[0] == "state":
                state = dict(word.split("=", 1) for word in words[1:])
                with self._lock:
                    self._records = [int(count) for count in state["records"].split(",")]
                    self.count = int(state["violations"])
                    self.dead_letters = int(state["dead_letters"])
                    self.samples.append((self._world.clock(), sum(self._records)))
            elif words and words[0] == "violation":
                text = line.decode().strip()
                with self._lock:
                    self.violations.append(text)
                self._world.say(text)

    def records(self):
        """Committed outputs by partition."""
        with self._lock:
            return list(self._records)

    def total(self):
        return sum(self.records())

    def await_progress(self, seconds):
        """Seconds until every partition has committed something new, or None if one has not in that time."""
        started = time.monotonic()
        time.sleep(_SETTLE_S)
        mark = self.records()

        def all_moved():
            now = self.records()
            return len(now) == len(mark) and all(after > before for before, after in zip(mark, now))

        return time.monotonic() - started if processes.wait_until(all_moved, seconds) else None

    def running(self):
        return self._process.running()

    def stop(self):
        self._process.stop(20)
