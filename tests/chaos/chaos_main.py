"""The command tests/chaos/run."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

import brokers
import conductor
import faults
import isolation
import report
import schedule
import world as worlds

_POD_NAMES = ("a", "b", "c")

_EPILOG = """kinds of fault:
%s

examples:
  tests/chaos/run --minutes=3 --seed=7
  tests/chaos/run --minutes=30 --nodes=3
  tests/chaos/run --minutes=5 --faults=zombie,cut_pod,delayed_end
  tests/chaos/run --minutes=10 --pods=5 --out=/tmp/chaos

The last line is  minutes=... faults=... events=... violations=... longest_recovery_s=...
Exit codes: 0 no violation; 1 at least one (the logs are kept); 2 the run could not be made; 130 stopped.
What it starts lives in namespaces of its own and ends with it, however it ends."""


def parse(arguments):
    kinds = "\n".join("  %-20s %s" % (name, kind.about) for name, kind in faults.KINDS.items())
    parser = argparse.ArgumentParser(
        prog="tests/chaos/run", epilog=_EPILOG % kinds, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs order_totals on a real broker under load while pods, brokers, network, disks and requests "
                    "fail, and checks from the outside that every order counted exactly once.")
    parser.add_argument("--minutes", type=float, default=3, help="how long faults go on (default: 3)")
    parser.add_argument("--seed", type=int, default=1, help="of the schedule and of the orders (default: 1)")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="brokers (default: 1)")
    parser.add_argument("--faults", metavar="KIND,KIND", help="only these kinds")
    parser.add_argument("--rate", type=int, default=3000, help="orders a second, duplicates not counted (default: 3000)")
    parser.add_argument("--odd_rate", type=int, default=20, help="odd orders a second: timestamps far off, totals that "
                        "are large, codecs and handlers that throw (default: 20)")
    parser.add_argument("--pods", type=int, default=len(_POD_NAMES), help="pods that always run (default: 3)")
    parser.add_argument("--pairs", type=int, default=25, metavar="PERCENT",
                        help="steps with two faults at once (default: 25)")
    parser.add_argument("--out", metavar="DIR", help="for picture, report and logs (default: a new one in /tmp)")
    parser.add_argument("--bin", metavar="DIR", help="programs, laid out as in bazel-bin (default: they are built)")
    parser.add_argument("--keep", action="store_true", help="keeps the logs of a good run, too")
    options = parser.parse_args(arguments)
    options.kinds = options.faults.split(",") if options.faults else list(faults.KINDS)
    for kind in options.kinds:
        if kind not in faults.KINDS:
            parser.error("unknown fault %s: use %s" % (kind, ", ".join(faults.KINDS)))
    if options.minutes <= 0 or options.pods < 1 or options.rate < 1:
        parser.error("--minutes, --pods and --rate must be positive")
    return options


def build_programs():
    """The directory of the programs; built with optimisation, as they would be shipped."""
    command = ["bazel", "build", "//tests/chaos:programs"]
    built = subprocess.run(command, cwd=worlds.ROOT, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        sys.exit("chaos: building failed:\n" + built.stderr[-3000:])
    return os.path.realpath(os.path.join(worlds.ROOT, "bazel-bin"))


def prepare(arguments, program, options):
    """What must happen outside the namespaces; then goes on inside. Exits if the broker cannot be had."""
    if isolation.is_inside():
        isolation.enter(program, arguments)
        return
    if options.bin is None:
        arguments = arguments + ["--bin=" + build_programs()]
    subprocess.run([os.path.join(worlds.ROOT, "docker/kafka/broker"), "fetch", brokers.KAFKA], check=True)
    why = isolation.enter(program, arguments)
    print("chaos: this machine gives us no namespaces of our own (%s): no network cuts and no full disks" % why)
    options.bin = options.bin or arguments[-1].split("=", 1)[1]


def end(world, options):
    """Quiet, then the last checks; the verifier's report, or None if the run is in no state to be verified."""
    world.say("all faults are healed; the load ends")
    world.load.stop()
    world.say("sent: " + world.load.summary())
    if world.odd is not None:
        world.odd.stop()
        world.say("sent: " + world.odd.summary())
    world.say("verifying")
    try:
        verified = world.verify(wait_s=120)
    except RuntimeError as error:
        world.say("VIOLATION " + str(error))
        verified = None
    for pod in world.pods:
        if not pod.stop():
            world.say("pod %s did not end in order: code %s" % (pod.name, pod.code()))
    return verified


def run(options, work):
    """The number of violations."""
    world = worlds.World(work, options.bin, options.nodes, options.seed)
    kinds = [kind for kind in options.kinds if kind in faults.available(world.isolated)]
    plan = schedule.Schedule(options.seed, kinds, options.pairs)
    conducted = conductor.Conductor(world, plan)
    print("seed %d; the schedule begins: %s" % (options.seed, plan.text(max(10, int(options.minutes * 7)))))
    try:
        world.start(options.rate, [_POD_NAMES[i] if i < len(_POD_NAMES) else "p%d" % i for i in range(options.pods)],
                    options.odd_rate)
        conducted.run(options.minutes * 60)
        minutes = world.clock() / 60
        verified = end(world, options)
        return conclude(world, conducted, verified, minutes, options)
    finally:
        world.stop()


def conclude(world, conducted, verified, minutes, options):
    found = report.differences(verified) if verified else {"the run could not be verified": 1}
    for name, count in found.items():
        world.say("VIOLATION %d x %s: see %s" % (count, name, world.log("verifier")))
    violations = len(conducted.violations) + world.watcher.count + sum(found.values())
    if report.never_died(world.deaths_at_points):
        world.say("VIOLATION no pod died at its crash point: see why in the pods' logs")
        violations += 1
    longest = max([fault.recovery for fault in conducted.faults if fault.recovery is not None], default=0)
    picture = os.path.join(world.work, "throughput.svg")
    report.write_picture(picture, world, conducted.faults, "Committed outputs per second, and faults: seed %d, %d node%s"
                         % (options.seed, options.nodes, "" if options.nodes == 1 else "s"))
    report.write_json(world.work, verified, conducted.faults)
    print("\n".join([""] + report.table(conducted.faults) + report.proxy_lines(world.proxy)))
    print("%-20s %6d" % ("pods' own exits", world.supervisor.exits))
    print("committed outputs %d, dead letters %d, checked while they came; picture: %s" % (
        world.watcher.total(), world.watcher.dead_letters, picture))
    print("minutes=%.1f faults=%d events=%d violations=%d longest_recovery_s=%.1f" % (
        minutes, len(conducted.faults), verified["input"]["records"] if verified else 0, violations, longest), flush=True)
    return violations


def remove_bulk(work):
    """Only the results of a good run stay."""
    for name in os.listdir(work):
        if name not in ("throughput.svg", "chaos.json", "verifier.json"):
            path = os.path.join(work, name)
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(program, arguments):
    options = parse(arguments)
    prepare(arguments, program, options)
    # The first process of a namespace is spared by signals that it does not handle.
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    work = options.out or tempfile.mkdtemp(prefix="once-chaos.")
    os.makedirs(work, exist_ok=True)
    try:
        violations = run(options, work)
    except KeyboardInterrupt:
        print("chaos: stopped before its end; its logs are in " + work, flush=True)
        return 130
    except Exception:
        traceback.print_exc()
        print("chaos: the run could not be made; its logs are in " + work, flush=True)
        return 2
    if violations == 0 and not options.keep:
        remove_bulk(work)
    elif violations:
        print("chaos: the logs are in " + work, file=sys.stderr)
    return 1 if violations else 0
