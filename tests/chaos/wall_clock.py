"""A pod's wall clock, as far as it is wrong (tests/integration/wall_shim.cc reads it)."""

import os
import struct


class WallClock:
    """Thread-safe: what is written is one aligned word of a mapped file, which stays the same file."""

    def __init__(self, path):
        self.path = path
        self._write(0)

    def step_to(self, seconds):
        """The clock is ahead by so many seconds, or behind by as many if they are negative."""
        self._write(seconds)

    def _write(self, seconds):
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(file, struct.pack("=q", seconds), 0)
        finally:
            os.close(file)
