"""Hosts on a bridge: namespaces whose link can be cut. The orchestrator and the proxy sit at the bridge itself."""

import subprocess

import isolation

HUB = "10.90.0.254"
_PREFIX = "10.90.0."


class LocalPlace:
    """Where nothing can be isolated: this machine's loopback."""

    prefix = []
    address = "127.0.0.1"


class Place:
    """A host with one link to the bridge; exists until leave()."""

    def __init__(self, name, number):
        self.address = _PREFIX + str(number)
        self.link = "v-" + name
        # Keeps the namespace; whatever runs there is started by entering it.
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        namespace = "/proc/%d/ns/net" % self._holder.pid
        self.prefix = ["nsenter", "--net=" + namespace]
        self._wait_for_namespace(namespace)
        isolation.call("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns",
                       str(self._holder.pid))
        isolation.call("ip", "link", "set", self.link, "master", "hub", "up")
        for command in (["link", "set", "lo", "up"], ["addr", "add", self.address + "/24", "dev", "eth0"],
                        ["link", "set", "eth0", "up"]):
            isolation.call(*self.prefix, "ip", *command)

    def _wait_for_namespace(self, namespace):
        import os
        import time
        ours = os.readlink("/proc/self/ns/net")
        for _ in range(500):
            if os.readlink(namespace) != ours:
                return
            time.sleep(0.01)
        raise RuntimeError("unshare made no network namespace")

    def cut(self):
        isolation.call("ip", "link", "set", self.link, "down")

    def mend(self):
        isolation.call("ip", "link", "set", self.link, "up")

    def leave(self):
        self._holder.kill()
        self._holder.wait()


def build_hub():
    isolation.call("ip", "link", "add", "hub", "type", "bridge")
    isolation.call("ip", "addr", "add", HUB + "/24", "dev", "hub")
    isolation.call("ip", "link", "set", "hub", "up")
