"""Operators' commands: no fault, but each must take effect once, whatever happens to the pods meanwhile."""

import subprocess


def commands(case):
    world = case.world
    seconds = case.rng.randint(3, 10)
    prefix = "%016x" % case.rng.getrandbits(64)
    case.say("commands to every task, for %d s: pause, resume, rules, such as are refused, and what is to become of "
             "events that block" % seconds)
    done = subprocess.run(
        [world.binary("tests/chaos/commander"), world.cluster.bootstrap, world.application, "orders",
         str(world.partitions), world.dead_letters, prefix, str(case.rng.getrandbits(63)), str(seconds)],
        capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines() or ["no word of the commander"]
    if done.returncode != 0:
        raise RuntimeError("; ".join(lines[:5]))
    case.say("each once: " + done.stdout.strip().splitlines()[-1])
