"""The command tests/helm/rehearse."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import pods
import processes

TREE = os.path.dirname(os.path.dirname(pods.golang.HERE))
PROGRAMS = ("//examples/order_totals:order_totals", "//examples/order_totals:order_generator",
            "//examples/order_totals:order_verifier", "//tests/chaos:watcher")
APPLICATION = "order-totals"
TOPICS = {"input_topic": "orders", "output_topic": "customer-totals", "dead_letter_topic": "orders.dlq"}
PATIENCE_S = 180
# Before and after each event, so that its gap is not its neighbour's.
QUIET_S = 15
# The watcher tells five times a second.
TOLD_S = 0.2

DESCRIPTION = """Runs processes as pods, with the settings that the chart in docker/helm renders and what Kubernetes' controllers do to
them, on a broker of its own and under load, and checks with order_verifier that every order counted exactly once.

  roll    a new version: three pods, one after the other, as a StatefulSet replaces them
  drain   a node is drained: its pod comes back elsewhere, with its volume, after 20 s
  out     two pods become four
  in      four pods become one
  lost    a node is lost with one of three pods, which comes back without its volume after twice the session timeout

Each prints the longest time without any committed output, and the longest of one partition: those that waited were read
on by the others or by the pod itself when it came back. The last line is the verifier's verdict. Probes are off."""


class Watcher:
    """Committed outputs by partition, over time."""

    def __init__(self, program, bootstrap, partitions, log):
        self._process = processes.Process([program, bootstrap, TOPICS["output_topic"], TOPICS["dead_letter_topic"],
                                           str(partitions)], log, stdout=subprocess.PIPE)
        self._partitions = partitions
        self._lock = threading.Lock()
        self.violations = 0
        self._moments = [[] for _ in range(partitions)]  # When each partition was seen to have more.
        self._counts = [0] * partitions
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            found = re.match(r"state violations=(\d+) .* records=([\d,]+)", line.decode())
            if not found:
                print("watcher: " + line.decode().strip(), flush=True)
                continue
            now = time.monotonic()
            with self._lock:
                self.violations = int(found.group(1))
                for partition, count in enumerate(map(int, found.group(2).split(","))):
                    if count > self._counts[partition]:
                        self._moments[partition].append(now)
                        self._counts[partition] = count

    def counts(self):
        with self._lock:
            return list(self._counts)

    def gaps(self, begin, end):
        """The longest time without output from any partition, and from one, within that time."""
        with self._lock:
            by_partition = [[moment for moment in each if begin <= moment <= end] for each in self._moments]
        together = sorted(moment for each in by_partition for moment in each)
        return _longest(together, begin, end), max(_longest(each, begin, end) for each in by_partition)

    def stop(self):
        self._process.stop(20)


def _longest(moments, begin, end):
    edges = [begin] + moments + [end]
    return max(after - before for before, after in zip(edges, edges[1:]))


class Rehearsal:
    """Broker, load, watcher, and the pods of one release."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self._broker_dir = os.path.join(work, "broker")
        self._broker_runs = False
        self._load = self.watcher = self.set = None
        self._log = lambda name: os.path.join(work, "log", name + ".log")
        os.makedirs(os.path.join(work, "log"))

    def _program(self, label):
        return os.path.join(self.options.bin, label.lstrip("/").replace(":", "/"))

    def _broker(self, *arguments):
        return subprocess.run([os.path.join(TREE, "docker/kafka/broker"), *arguments, "--dir=" + self._broker_dir],
                              stdout=subprocess.PIPE, text=True, check=True).stdout

    def begin(self, count):
        self._broker_runs = True
        # Not 4.3, which loses markers while a partition has no leader (tests/chaos/brokers.py).
        printed = self._broker("start", "--kafka=4.1.1", "--port=0")
        self.bootstrap = re.search(r"(?m)^bootstrap_servers=(.*)$", printed).group(1)
        manifests = pods.render({**self.options.values, "replicas": count, "kafka": {"bootstrapServers": self.bootstrap}, "options": TOPICS,
                                 "topics": {"sources": [{"name": "orders", "partitions": self.options.partitions}]}})
        self.manifest = next(each for each in manifests if each["kind"] == "StatefulSet")
        flags = ["--%s=%s" % each for each in TOPICS.items()] + ["--bootstrap_servers=" + self.bootstrap]
        generator = [self._program(PROGRAMS[1]), *flags, "--seed=%d" % self.options.seed]
        first = processes.Process(generator + ["--orders=1", "--create_topics", "--partitions=%d" % self.options.partitions],
                                  self._log("topics"))
        if first.wait(PATIENCE_S) != 0:
            raise RuntimeError("the topics could not be created: " + first.tail())
        self.watcher = Watcher(self._program(PROGRAMS[3]), self.bootstrap, self.options.partitions, self._log("watcher"))
        self.set = pods.StatefulSet(self.manifest, self._program(PROGRAMS[0]), self.work)
        self.set.scale(count)
        self._load = processes.Process(
            generator + ["--start_index=1000", "--orders=1000000000", "--rate=%d" % self.options.rate,
                         "--duplicates_percent=5", "--poison_percent=0.01", "--customers=50000"], self._log("generator"))
        self.await_all_partitions()

    def await_all_partitions(self):
        mark = self.watcher.counts()
        if not processes.wait_until(lambda: all(now > then for then, now in zip(mark, self.watcher.counts())), PATIENCE_S):
            raise RuntimeError("a partition gave no output for %d s: see %s/log" % (PATIENCE_S, self.work))

    def scene(self, name, about, act):
        """What `act` does, with quiet before and after, and the longest gaps from its beginning on."""
        time.sleep(QUIET_S)
        begin = time.monotonic()
        act()
        acted = time.monotonic() - begin
        self.await_all_partitions()
        # A member that is gone for good is found out after the session timeout.
        time.sleep(QUIET_S)
        overall, partition = self.watcher.gaps(begin, time.monotonic())
        print("scene=%s took_s=%.1f longest_gap_s=%.1f longest_gap_of_a_partition_s=%.1f pods=%d what=%s" % (
            name, acted, overall, partition, len(self.set.pods), about), flush=True)

    def end(self):
        """Whether the verifier finds no difference, nothing ended by itself, and the order was right throughout."""
        self._load.stop(PATIENCE_S)
        print(self._load.tail(1).strip(), flush=True)
        flags = ["--%s=%s" % each for each in TOPICS.items()]
        verifier = subprocess.run([self._program(PROGRAMS[2]), "--bootstrap_servers=" + self.bootstrap, "--wait=3m",
                                   "--application_id=" + APPLICATION, *flags], stdout=subprocess.PIPE, text=True, check=False)
        print(verifier.stdout, flush=True)
        for line in self.set.unexpected:
            print("unexpected: " + line, flush=True)
        good = verifier.returncode == 0 and not self.set.unexpected and self.watcher.violations == 0
        print("verdict=%s verifier_exit_code=%d order_violations=%d unexpected_ends=%d" % (
            "right" if good else "WRONG", verifier.returncode, self.watcher.violations, len(self.set.unexpected)), flush=True)
        return good

    def stop(self):
        if self.set is not None:
            self.set.stop()
        if self._load is not None:
            self._load.kill()
        if self.watcher is not None:
            self.watcher.stop()
        if self._broker_runs:
            self._broker("stop")


def _lose(rehearsal):
    """The pod comes back when its node's loss is noticed, or repaired: later than the others take over."""
    pod = rehearsal.set.pods[-1]
    pod.lose()
    seconds = next(int(each["value"][:-1]) for each in rehearsal.manifest["spec"]["template"]["spec"]["containers"][0]["env"]
                   if each["name"] == "ONCE_SESSION_TIMEOUT")
    time.sleep(2 * seconds)
    pod.lose_volume()
    pod.start()


def _act(rehearsal, name):
    group = rehearsal.set
    if name == "roll":
        rehearsal.scene(name, "rolling update", group.roll)
    elif name == "drain":
        rehearsal.scene(name, "node drained", lambda: group.move(group.pods[0], placing_s=20))
    elif name == "lost":
        rehearsal.scene(name, "node lost", lambda: _lose(rehearsal))
    else:
        before, after = {"out": (2, 4), "in": (4, 1)}[name]
        rehearsal.scene(name, "%d to %d pods" % (before, after), lambda: group.scale(after))


def _prepare(rehearsal, name):
    count = {"out": 2, "in": 4}.get(name, 3)
    if len(rehearsal.set.pods) == count:
        return
    rehearsal.set.scale(count)
    # Until those that are gone have been found out.
    time.sleep(40)
    rehearsal.await_all_partitions()


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/helm/rehearse", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    scenes = ("roll", "drain", "lost", "out", "in")
    parser.add_argument("--scenes", default=",".join(scenes), help="which, in this order (default: all)")
    parser.add_argument("--rate", type=int, default=2000, help="orders a second (default: 2000)")
    parser.add_argument("--partitions", type=int, default=8, help="of each topic (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="of the orders (default: 1)")
    parser.add_argument("--values", type=json.loads, default={}, metavar="JSON",
                        help='of the chart, such as {"staticMembership": false}')
    parser.add_argument("--bin", metavar="DIR", help="programs, laid out as in bazel-bin (default: they are built)")
    parser.add_argument("--keep", action="store_true", help="keeps the logs of a good run, too")
    options = parser.parse_args(arguments)
    options.scenes = options.scenes.split(",")
    for scene in options.scenes:
        if scene not in scenes:
            parser.error("unknown scene %s: use %s" % (scene, ", ".join(scenes)))
    return options


def main(arguments):
    options = parse(arguments)
    if options.bin is None:
        subprocess.run(["bazel", "build", *PROGRAMS], cwd=TREE, check=True)
        options.bin = os.path.realpath(os.path.join(TREE, "bazel-bin"))
    work = tempfile.mkdtemp(prefix="once-rehearsal.")
    rehearsal, good = Rehearsal(options, work), False
    try:
        rehearsal.begin({"out": 2, "in": 4}.get(options.scenes[0], 3))
        for name in options.scenes:
            _prepare(rehearsal, name)
            _act(rehearsal, name)
        good = rehearsal.end()
    finally:
        rehearsal.stop()
        if good and not options.keep:
            shutil.rmtree(work)
        else:
            print("logs are kept in %s/log" % work, file=sys.stderr)
    return 0 if good else 1
