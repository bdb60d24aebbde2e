"""The orders beside the generator's that bring trouble: see odd_orders.cc."""

import itertools
import subprocess
import threading

import processes


class OddLoad:
    """Thread-safe. A sender that ends by itself ends the run: it was given what it needs to outlast the brokers."""

    def __init__(self, world, rate, seed):
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._process = processes.Process(
            [world.binary("tests/chaos/odd_orders"), world.cluster.bootstrap, world.input, str(rate), str(seed)],
            world.log("odd-orders"), stdin=subprocess.PIPE)

    def send_deadly(self):
        """Its event ID, which is also its customer."""
        with self._lock:
            name = "deadly-%d" % next(self._numbers)
            self._process.stdin.write((name + "\n").encode())
            self._process.stdin.flush()
            return name

    def stop(self):
        """What was sent is delivered first; raises if it was not."""
        if not self._process.stop(120) or self._process.code() != 0:
            raise RuntimeError("the sender of odd orders failed: " + self._process.tail(3))

    def running(self):
        return self._process.running()

    def kill(self):
        self._process.kill()

    def summary(self):
        return self._process.tail(1).strip()
