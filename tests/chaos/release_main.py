"""The command tests/chaos/release_under_load: many parked events are released while orders go on and pods die."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import chaos_main
import faults_pods
import processes
import report
import world as worlds

_EPILOG = """examples:
  tests/chaos/release_under_load
  tests/chaos/release_under_load --rate=2000 --aggregates=20 --events=50 --max_p99_ratio=0

Orders go on all the time. The first event of each aggregate cannot be processed for now, so that it and those behind it
are parked. When it can be, half of the aggregates are released by commands, one after the other, while nothing else
happens; then the others, while pods are killed at each point of a transaction and another one joins and leaves. Each
command is sent twice. The verifier then holds everything against the audit topic.

The latency is from an order's sending to when its total can be read, of all other customers:
  window=before | released | killed  outputs=... p50_ms=... p99_ms=... longest_ms=...
The last line is  parked=... released=... kills=... p99_ratio=... violations=...   (released against before)
Exit codes: 0 no violation; 1 at least one, or something else that it shows did not happen: not all events were parked or
released, not each point of a transaction killed a pod, the latency rose by more than --max_p99_ratio; 2 the run could
not be made, or says nothing on this machine: it is at its end before anything is released."""

# Half of all orders later than this before anything is released: the machine cannot keep up with the load.
_MOST_P50_MS = 1000


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/chaos/release_under_load", epilog=_EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="Releases parked events on a real broker under load.")
    parser.add_argument("--rate", type=int, default=5000, help="orders a second (default: 5000)")
    parser.add_argument("--aggregates", type=int, default=100, help="customers that are parked (default: 100)")
    parser.add_argument("--events", type=int, default=100, help="of each (default: 100)")
    parser.add_argument("--before_s", type=int, default=20, help="seconds of the window before (default: 20)")
    parser.add_argument("--max_p99_ratio", type=float, default=1.2, metavar="R",
                        help="how many times that of before the p99 may be while the first half is released; 0: any, "
                             "for a small run (default: 1.2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bin", metavar="DIR", help="programs, laid out as in bazel-bin (default: they are built)")
    parser.add_argument("--out", metavar="DIR", help="for logs (default: a new one in /tmp, deleted if all is well)")
    return parser.parse_args(arguments)


class Releaser:
    """The program that sends and measures."""

    def __init__(self, world):
        self.windows = {}
        self._world = world
        self._process = processes.Process(
            [world.binary("tests/chaos/releaser"), world.cluster.bootstrap, world.input, world.output,
             world.dead_letters, world.application, "orders", str(world.partitions)],
            world.log("releaser"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, line):
        self._process.stdin.write((line + "\n").encode())
        self._process.stdin.flush()

    def await_line(self, begin):
        """The number behind it."""
        while True:
            line = self._process.stdout.readline().decode()
            if not line:
                raise RuntimeError("the releaser ended: " + self._process.tail(3))
            window = re.match(r"window=(\w+) .*p50_ms=(\d+) p99_ms=(\d+)", line)
            if window:
                self.windows[window.group(1)] = (int(window.group(2)), int(window.group(3)))
                self._world.say(line.strip())
            elif line.startswith(begin + "="):
                return int(line.split("=")[1])

    def stop(self):
        self._process.stdin.close()
        if self._process.wait(30) is None:
            self._process.kill()


def die_at_each_point(world, releaser, first, last):
    """Releases aggregates first to last meanwhile; how many pods died."""
    kills = 0
    points = sorted(faults_pods.POINTS)
    for number, point in enumerate(points):
        begin = first + (last - first) * number // len(points)
        end = first + (last - first) * (number + 1) // len(points)
        pod = world.pods[number % len(world.pods)]
        pod.kill()
        pod.start(point + ":1")
        releaser.tell("release %d %d 50" % (begin, end))
        releaser.await_line("released")
        died = pod.await_crash(40)
        kills += died
        world.say("pod %s %s at %s; aggregates %d to %d released" % (
            pod.name, "died" if died else "did not come to die", point, begin, end - 1))
        if number == len(points) // 2:
            guest = world.add_pod("guest")
            time.sleep(3)
            guest.stop()
            world.drop_pod(guest)
            world.say("pod guest came and went")
    return kills


class NotMeasurable(Exception):
    """The machine is too slow for what is asked of it."""


def play(world, options):
    """(parked, released, kills, ratio)"""
    broken = world.handlers_switch + ".broken"
    with open(broken, "w", encoding="utf-8") as file:
        file.write("broken")
    world.start(options.rate, ("a", "b"))
    releaser = Releaser(world)
    try:
        releaser.tell("load %d %d" % (options.aggregates, options.events))
        releaser.await_line("loaded")
        releaser.tell("await_parked")
        parked = releaser.await_line("parked")
        world.say("%d events of %d aggregates are parked" % (parked, options.aggregates))
        os.unlink(broken)
        half = options.aggregates // 2
        releaser.tell("window before")
        time.sleep(options.before_s)
        releaser.tell("window released")
        releaser.tell("release 0 %d %d" % (half, 5000 // max(half, 1)))
        releaser.tell("await_drained 0 %d" % half)
        released = releaser.await_line("drained")
        p50 = releaser.windows["before"][0]
        if options.max_p99_ratio and p50 > _MOST_P50_MS:
            raise NotMeasurable("before the release half of the orders take %d ms or more" % p50)
        releaser.tell("window killed")
        kills = die_at_each_point(world, releaser, half, options.aggregates)
        releaser.tell("await_drained %d %d" % (half, options.aggregates))
        released += releaser.await_line("drained")
        releaser.tell("window end")
        releaser.tell("await_drained 0 0")
        releaser.await_line("drained")
        return parked, released, kills, releaser.windows["released"][1] / max(1, releaser.windows["before"][1])
    finally:
        releaser.stop()


def missed(options, parked, released, kills, ratio):
    """What the run was to show and did not, in words."""
    events = options.aggregates * options.events
    words = []
    if parked != events:
        words.append("%d events are parked, and %d were to be" % (parked, events))
    if released != events:
        words.append("%d events are released, and %d were to be" % (released, events))
    if kills < len(faults_pods.POINTS):
        words.append("%d pods died, and %d were to" % (kills, len(faults_pods.POINTS)))
    if options.max_p99_ratio and ratio > options.max_p99_ratio:
        words.append("the p99 is %.2f times that of before, and may be %.2f times" % (ratio, options.max_p99_ratio))
    return words


def run(options, work):
    """The number of violations, and of what else is wrong."""
    world = worlds.World(work, options.bin, 1, options.seed)
    try:
        parked, released, kills, ratio = play(world, options)
        stuck = bool(world.watcher.await_progress(60))
        world.load.stop()
        found = report.differences(world.verify(wait_s=60))
        for name, count in found.items():
            world.say("VIOLATION %d x %s" % (count, name))
        violations = world.watcher.count + sum(found.values()) + stuck
        misses = missed(options, parked, released, kills, ratio)
        for words in misses:
            world.say("MISSED " + words)
        print("parked=%d released=%d kills=%d p99_ratio=%.2f violations=%d" % (
            parked, released, kills, ratio, violations), flush=True)
        return violations + len(misses)
    finally:
        world.stop()


def main(program, arguments):
    options = parse(arguments)
    chaos_main.prepare(arguments, program, options)
    work = options.out or tempfile.mkdtemp(prefix="once-chaos.")
    os.makedirs(work, exist_ok=True)
    try:
        wrong = run(options, work)
    except NotMeasurable as why:
        print("release_under_load: not measurable on this machine: %s; a lower --rate may do. Its logs are in %s" % (
            why, work), file=sys.stderr)
        return 2
    except Exception:
        traceback.print_exc()
        print("release_under_load: the run could not be made; its logs are in " + work, file=sys.stderr)
        return 2
    if not options.out and wrong == 0:
        shutil.rmtree(work)
    return 1 if wrong else 0
