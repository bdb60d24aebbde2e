"""Programs that the run starts; signalled and ended by their process id only."""

import os
import signal
import subprocess
import time


class Process:
    """One run of a program, its output in a file."""

    def __init__(self, command, log_path, environment=None, stdin=None, stdout=None):
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self._popen = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                                           env=dict(os.environ, **(environment or {})))
        self.stdin, self.stdout = self._popen.stdin, self._popen.stdout

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def code(self):
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    def signal(self, number):
        if self.running():
            os.kill(self._popen.pid, number)

    def wait(self, seconds):
        """Its exit code, or None if it still runs after that time."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def stop(self, seconds):
        """Asks it to end; True if it did so in time."""
        self.signal(signal.SIGTERM)
        ended = self.wait(seconds) is not None
        if not ended:
            self.kill()
        return ended

    def tail(self, lines=5):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])


def wait_until(condition, seconds, step=0.05):
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(step)
    return True
