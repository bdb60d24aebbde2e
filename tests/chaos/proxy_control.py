"""The orchestrator's side of the proxy: starts it, arms it, counts what it did."""

import json
import os
import subprocess
import sys
import threading

import frames
import processes


class Proxy:
    """Thread-safe. A request has *landed* if the broker accepted it in a later transaction of its producer."""

    def __init__(self, world):
        self.held = {frames.END_TXN: 0, frames.TXN_OFFSET_COMMIT: 0}
        self.released, self.landed, self.lost = dict(self.held), dict(self.held), dict(self.held)
        self.later = dict(self.held)  # Released while a later transaction was open.
        self.errors = {}
        self._listening = threading.Event()
        self._lock = threading.Lock()
        routes = ["%s:%d=%s:%d" % (world.cluster.proxy_host, broker.proxy_port, broker.place.address, broker.inner_port)
                  for broker in world.cluster.brokers]
        program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "proxy.py")
        self._log = open(world.log("proxy-events"), "w", encoding="utf-8")
        self._process = processes.Process([sys.executable, "-B", program, *routes], world.log("proxy"),
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        if not self._listening.wait(20):
            raise RuntimeError("the proxy does not start: " + self._process.tail())

    def _read(self):
        for line in self._process.stdout:
            self._log.write(line.decode())
            event = json.loads(line)
            if event["what"] == "listening":
                self._listening.set()
                continue
            with self._lock:
                self._count(event)

    def _count(self, event):
        api = event["api"]
        if event["what"] == "held":
            self.held[api] += 1
            return
        self.released[api] += 1
        self.later[api] += event["later"]
        if "lost" in event:
            self.lost[api] += 1
            return
        self.errors[event["error"]] = self.errors.get(event["error"], 0) + 1
        if event["error"] == 0 and event["later"]:
            self.landed[api] += 1

    def _order(self, order):
        self._process.stdin.write((json.dumps(order) + "\n").encode())
        self._process.stdin.flush()

    def arm(self, api, count, until_timeout):
        self._order({"api": api, "count": count, "until_timeout": until_timeout})

    def disarm(self):
        self._order({"disarm": True})

    def all_released(self, api):
        return self.released[api] >= self.held[api]

    def stop(self):
        self._process.kill()
        self._log.close()
