"""The program that changes rights and settings, run until the brokers have done it."""

import subprocess
import time

_LIMIT_S = 90
_IMPOSSIBLE = 2


class Operator:
    """Thread-safe."""

    def __init__(self, world):
        self._command = [world.binary("tests/chaos/operator"), world.cluster.bootstrap]

    def do(self, *words):
        """Raises if it is not done in time: a broker may be away meanwhile."""
        deadline = time.monotonic() + _LIMIT_S
        while True:
            done = subprocess.run([*self._command, *words], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
            if done.returncode == _IMPOSSIBLE or time.monotonic() >= deadline:
                raise RuntimeError("operator %s: %s" % (" ".join(words), done.stderr.strip()[-500:]))
            time.sleep(0.5)

    def knows(self, resource):
        """Whether the client library knows rights on such a resource."""
        done = subprocess.run([*self._command, "allow", resource, "nothing"], capture_output=True, check=False)
        return done.returncode != _IMPOSSIBLE
