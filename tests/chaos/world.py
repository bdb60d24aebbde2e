"""Everything of one run: brokers, proxy, load, pods, watcher; and how it is verified at the end."""

import itertools
import json
import os
import threading
import time

import brokers
import isolation
import load
import network
import odd_load
import operator_tool
import pods
import processes
import proxy_control
import watcher

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class World:
    """Starts what it is told to, in order; stop() ends all of it."""

    def __init__(self, work, binaries, nodes, seed, trusting=False, pod_flags=()):
        self.work, self.seed = work, seed
        self.isolated = isolation.is_inside()
        self._binaries = binaries
        self._started = time.monotonic()
        self._say_lock = threading.Lock()
        self.partitions = 6
        self.application, self.changelog = "order-totals", "order-totals-orders-changelog"
        self.input, self.output, self.dead_letters = "orders", "customer-totals", "orders.dlq"
        self.topic_flags = ["--input_topic=" + self.input, "--output_topic=" + self.output,
                            "--dead_letter_topic=" + self.dead_letters]
        self.pod_binary = self.binary("tests/chaos/order_totals_trusting" if trusting else "tests/chaos/order_totals_odd")
        self.crashable_binary = self.binary("tests/chaos/order_totals_odd_crashable")
        self.handlers_switch = os.path.join(work, "handlers")
        self.preloaded = [self.binary("tests/chaos/libslow_disk.so"), self.binary("tests/integration/wall_shim.so")]
        self.pod_flags = list(pod_flags)
        os.makedirs(os.path.join(work, "log"), exist_ok=True)
        if self.isolated:
            network.build_hub()
        self.cluster = brokers.Cluster(os.path.join(ROOT, "docker/kafka/broker"), work, nodes, self.isolated)
        self.mounts = []
        self.deaths_at_points = []  # Whether a pod died there, for each time that one was to.
        self._pod_numbers = itertools.cycle(range(20, 250))
        self.operator = operator_tool.Operator(self)
        self.pods, self.load, self.odd, self.watcher, self.proxy, self.supervisor = [], None, None, None, None, None

    def binary(self, path):
        return os.path.join(self._binaries, path)

    def log(self, name):
        return os.path.join(self.work, "log", name + ".log")

    def clock(self):
        """Seconds since the load began, or since the start."""
        return time.monotonic() - self._started

    def say(self, text):
        with self._say_lock:
            print("[%7.1f s] %s" % (self.clock(), text), flush=True)

    def start(self, rate, pod_names, odd_rate=0):
        """Until every pod works; with `odd_rate` so many odd orders a second as well."""
        self.say("starting %d broker%s" % (len(self.cluster.brokers), "s" if len(self.cluster.brokers) > 1 else ""))
        self.cluster.start()
        self.proxy = proxy_control.Proxy(self)
        self.load = load.Load(self, rate, self.seed)
        self.load.create_topics()
        # Odd orders may have any time, and stay.
        self.operator.do("set", self.input, "retention.ms=-1", "message.timestamp.after.max.ms=9223372036854775807")
        self.watcher = watcher.Watcher(self)
        self.supervisor = pods.Supervisor(self.pods, self.say)
        for name in pod_names:
            self.add_pod(name)
        self.load.start()
        if odd_rate:
            self.odd = odd_load.OddLoad(self, odd_rate, self.seed)
        self.supervisor.start()
        if not processes.wait_until(lambda: all(self.watcher.records() or [0]), 90):
            raise RuntimeError("the pods gave no output within 90 s: see their logs in %s/log" % self.work)
        self._started = time.monotonic()
        self.watcher.samples.clear()

    def add_pod(self, name, crash_at=None):
        pod = pods.Pod(self, name, next(self._pod_numbers))
        pod.start(crash_at)
        self.pods.append(pod)
        return pod

    def drop_pod(self, pod):
        """A stopped pod is no longer one of ours; its state directory stays for the next of that name."""
        self.pods.remove(pod)
        pod.leave()

    def verify(self, wait_s):
        """The verifier's report, as a dictionary, and its table; raises if it could not verify.

        It waits for pods that are behind, but no longer than `wait_s` seconds without coming nearer.
        """
        report = os.path.join(self.work, "verifier.json")
        process = processes.Process(
            [self.binary("examples/order_totals/order_verifier"), "--bootstrap_servers=" + self.cluster.bootstrap,
             "--application_id=" + self.application, *self.topic_flags, "--failing_header=chaos.fails",
             "--may_fail_header=chaos.may_fail", "--wait=%ds" % wait_s, "--json=" + report],
            self.log("verifier"))
        if process.wait(wait_s + 1800) not in (0, 1):
            raise RuntimeError("the run could not be verified: " + process.tail(3))
        with open(report, encoding="utf-8") as file:
            return json.load(file)

    def stop(self):
        """All that runs ends, by its process id."""
        if self.supervisor is not None and self.supervisor.is_alive():
            self.supervisor.stop()
        for pod in self.pods:
            pod.kill()
        if self.load is not None and self.load.is_alive():
            self.load.stop()
        if self.odd is not None and self.odd.running():
            self.odd.kill()
        for part in (self.watcher, self.proxy):
            if part is not None:
                part.stop()
        self.cluster.stop()
        for path in self.mounts:
            isolation.call("umount", "--lazy", path)
