"""Runs the mutants of the engine in the simulator, and tells in how many seeds each is caught.

  run.py [--seeds=100000] [--jobs=2] [--hints] [--bin_dir=bazel-bin/tests/sim/mutants] [NAME...]

prints `mutant=... rule=... seeds=... caught=yes|NO by=...` for each, then
`mutants=N caught=N median_seeds=... max_seeds=...`, and exits 1 if one is not caught. A violation, a crash and a hang
catch alike. With --hints the rare ones are looked for first where they were found last. Build first:
bazel build //tests/sim/mutants
"""

import argparse
import ast
import concurrent.futures
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST_STRETCH = 8
# The seed that catches a rare mutant, and the dimensions that it was found with, as long as neither scenarios nor engine draw
# or do otherwise.
HINTS = {"old_checkpoint_kept": (1952, "none"), "unrun_is_cleared": (16741, "default"),
         "torn_wipe_trusted": (14661, "default"), "skipped_stays_suspected": (17125, "default")}
# What a seed may take at the very most, on a machine that others use too.
SECONDS_OF_STRETCH = 60
SECONDS_OF_SEED = 0.5


def read_table(path):
    """The table in mutants.bzl, which is a Python literal too."""
    with open(path, encoding="utf-8") as file:
        return ast.literal_eval(file.read().split("MUTANTS = ", 1)[1])


def run_stretch(binary, first, count, temp_dir, dimensions="default"):
    """Returns (seeds run, what was found) of the seeds from `first`; found is empty if all went well."""
    command = [binary, "--first_seed=%d" % first, "--seeds=%d" % count, "--stop", "--show=0", "--jobs=1",
               "--dimensions=" + dimensions, "--temp_dir=" + temp_dir]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=SECONDS_OF_STRETCH + SECONDS_OF_SEED * count, check=False)
    except subprocess.TimeoutExpired:
        return count, "hang"
    closing = re.search(r"^seeds=(\d+) .*violations=(\d+)$", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1) or closing is None:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        return count, "crash (%d) %s" % (done.returncode, said)
    if int(closing.group(2)) == 0:
        return count, ""
    found = re.search(r"^first_violation=\d+ (.*)$", done.stdout, re.MULTILINE)
    return int(closing.group(1)), found.group(1) if found else "another course the second time"


def first_crash(binary, first, count, temp_dir):
    """A crash does not say which seed it was: the number of seeds from `first` that it takes."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        _, found = run_stretch(binary, first + low, middle - low, temp_dir)
        if found:
            high = middle
        else:
            low = middle
    return high


def catch(binary, seeds, hint, temp_dir):
    """Returns (seeds needed, what was found), in stretches that grow: so a crash is found again soon."""
    if hint is not None:
        seed, dimensions = hint
        _, found = run_stretch(binary, seed, 1, temp_dir, dimensions)
        if found:
            return seed + 1, found
    first, count = 0, FIRST_STRETCH
    while first < seeds:
        count = min(count, seeds - first)
        ran, found = run_stretch(binary, first, count, temp_dir)
        if found.startswith("crash"):
            ran = first_crash(binary, first, count, temp_dir)
        if found:
            return first + ran, found
        first += count
        count = first
    return seeds, ""


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--hints", action="store_true")
    parser.add_argument("--table", default=os.path.join(HERE, "mutants.bzl"))
    parser.add_argument("--bin_dir", default="bazel-bin/tests/sim/mutants")
    parser.add_argument("names", nargs="*", metavar="NAME")
    flags = parser.parse_args(arguments)
    table = [row for row in read_table(flags.table) if not flags.names or row[0] in flags.names]
    missing = [row[0] for row in table if not os.access(os.path.join(flags.bin_dir, row[0]), os.X_OK)]
    if missing or not table:
        sys.exit("not built: %s; bazel build //tests/sim/mutants" % (", ".join(missing) or "no such mutant"))
    needed, missed = [], 0
    with tempfile.TemporaryDirectory() as temp_dir, concurrent.futures.ThreadPoolExecutor(flags.jobs) as pool:
        runs = [pool.submit(catch, os.path.join(flags.bin_dir, row[0]), flags.seeds,
                            HINTS.get(row[0]) if flags.hints else None, temp_dir) for row in table]
        for (name, _, rule, _), run in zip(table, runs):
            seeds, found = run.result()
            print("mutant=%s rule=%s seeds=%d caught=%s by=%s" % (name, rule, seeds, "yes" if found else "NO",
                                                                  found[:100] or "-"), flush=True)
            if found:
                needed.append(seeds)
            else:
                missed += 1
    print("mutants=%d caught=%d median_seeds=%g max_seeds=%d" % (
        len(table), len(needed), statistics.median(needed or [0]), max(needed or [0])))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
