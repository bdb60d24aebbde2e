"""Handlers that take their time, and orders that end their process."""

import os
import time

import processes

# A transaction of the run's leaves about three seconds to the handlers of one event (see pods.py); who takes longer
# ends its process.
_LONG_MS = (1500, 2500)
_TOO_LONG_MS = 4000
# An order's deaths are counted by each pod anew, and its partition may go from one to the other.
_DEADLY_LIMIT_S = 240


def slow_handlers(case):
    low, high = sorted(case.rng.choice((50, 100, 200, 300)) for _ in range(2))
    lasting = case.pause(3, 8)
    once = case.rng.choice((0, case.rng.randint(*_LONG_MS), _TOO_LONG_MS))
    case.say("every handler takes %d to %d ms, for %.1f s%s" % (
        low, high, lasting, ", and one of them %d ms" % once if once else ""))
    switch = case.world.handlers_switch
    if once:
        _write(switch + ".once", str(once))
    _write(switch, "%d %d" % (low, high))
    time.sleep(lasting)
    for path in (switch, switch + ".once"):
        if os.path.exists(path):
            os.unlink(path)


def _write(path, text):
    """At once: readers see all of it or nothing."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def deadly_event(case):
    """Healed when each has its one dead letter; that those say what they must, the verifier checks."""
    exits, failed = case.world.supervisor.exits, case.world.watcher.failed
    names = [case.world.odd.send_deadly() for _ in range(case.rng.choice((1, 1, 2)))]
    case.say("%s: each process that runs it ends" % ", ".join(names))
    if not processes.wait_until(lambda: all(name in failed for name in names), _DEADLY_LIMIT_S):
        raise RuntimeError("no dead letter after %d s: %s" % (
            _DEADLY_LIMIT_S, ", ".join(name for name in names if name not in failed)))
    case.say("dead letters, after %d exits: %s" % (
        case.world.supervisor.exits - exits, ", ".join("%s for %s" % (name, failed[name]) for name in names)))
