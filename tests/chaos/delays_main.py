"""The command tests/chaos/delayed_ends: that requests which arrive late, in the next transaction, do no harm."""

import argparse
import os
import shutil
import sys
import tempfile
import traceback

import chaos_main
import frames
import isolation
import processes
import report
import world as worlds

_EPILOG = """examples:
  tests/chaos/delayed_ends --count=200
  tests/chaos/delayed_ends --count=200 --trusting     with the defence cut out of a copy of the engine: must fail
  tests/chaos/delayed_ends --offsets --pod_flag=--kafka.log.connection.close=false

A proxy holds EndTxn requests until their producer has repeated them and is in its next transaction, and lets them go
there. The last line is  held=... later=... landed=... violations=...
Exit codes: 0 no violation; 1 at least one; 2 the run could not be made."""


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tests/chaos/delayed_ends", epilog=_EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="Delays the end of transactions into the next one.")
    parser.add_argument("--count", type=int, default=200, help="requests to hold (default: 200)")
    parser.add_argument("--offsets", action="store_true", help="holds TxnOffsetCommit instead")
    parser.add_argument("--trusting", action="store_true", help="runs the engine that trusts a suspicious commit")
    parser.add_argument("--timeouts_percent", type=int, default=20,
                        help="held past the client's timeout; for the others its connection is cut (default: 20)")
    parser.add_argument("--pod_flag", action="append", default=[], metavar="FLAG", help="for every pod; repeatable")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bin", metavar="DIR", help="programs, laid out as in bazel-bin (default: they are built)")
    parser.add_argument("--out", metavar="DIR", help="for logs (default: a new one in /tmp, deleted if all is well)")
    return parser.parse_args(arguments)


def broken(world):
    """Whether it shows already: a wrong output, or a pod that refuses to go on with what it finds."""
    return world.watcher.count + world.supervisor.exits > 0


def hold(world, api, options):
    """Until so many were held and let go, or something is broken."""
    proxy, kept = world.proxy, options.count * options.timeouts_percent // 100
    for count, until_timeout in ((options.count - kept, False), (kept, True)):
        goal = proxy.held[api] + count
        while proxy.held[api] < goal and not broken(world):
            step = min(20, goal - proxy.held[api])
            proxy.arm(api, step, until_timeout)
            until = proxy.held[api] + step
            processes.wait_until(lambda: proxy.held[api] >= until or broken(world), 300)
            world.say("%d held, %d landed" % (proxy.held[api], proxy.landed[api]))
    proxy.disarm()
    processes.wait_until(lambda: proxy.all_released(api) or broken(world), 45)


def run(options, work):
    """The number of violations."""
    api = frames.TXN_OFFSET_COMMIT if options.offsets else frames.END_TXN
    world = worlds.World(work, options.bin, 1, options.seed, trusting=options.trusting, pod_flags=options.pod_flag)
    try:
        world.start(3000, ("a", "b", "c"))
        hold(world, api, options)
        stuck = not broken(world) and bool(world.watcher.await_progress(60))
        world.load.stop()
        found = report.differences(world.verify(wait_s=10 if broken(world) else 60))
        for name, count in found.items():
            world.say("VIOLATION %d x %s" % (count, name))
        violations = world.watcher.count + world.supervisor.exits + sum(found.values()) + stuck
        proxy = world.proxy
        print("held=%d later=%d landed=%d violations=%d" % (proxy.held[api], proxy.later[api], proxy.landed[api],
                                                            violations), flush=True)
        return violations
    finally:
        world.stop()


def main(program, arguments):
    options = parse(arguments)
    chaos_main.prepare(arguments, program, options)
    work = options.out or tempfile.mkdtemp(prefix="once-chaos.")
    os.makedirs(work, exist_ok=True)
    try:
        violations = run(options, work)
    except Exception:
        traceback.print_exc()
        print("delayed_ends: the run could not be made; its logs are in " + work, file=sys.stderr)
        return 2
    if not options.out and (violations == 0 or options.trusting):
        shutil.rmtree(work)
    return 1 if violations else 0
