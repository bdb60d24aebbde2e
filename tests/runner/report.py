"""Counts test cases from a Bazel run and shows what failed.

  report.py --events=FILE --log=FILE --exit_code=N --totals=FILE [--suite=NAME]

reads the events and the output of one `bazel test --build_event_json_file=FILE`, counts the cases in each target's
test.xml (a target without one counts as one case), prints each failed case with its gist and its log, and adds the
counts to the totals file (a JSON object). Whatever did not build counts as failed. Exits 0 if nothing failed, else 1.
"""

import argparse
import json
import os
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

GIST_LINES = 12
GIST_WIDTH = 400
# Bazel's exit codes that its events explain by themselves: fine, a test failed.
EXPLAINED_EXIT_CODES = (0, 3)

# Where an event keeps its payload, if not under its own kind.
PAYLOAD_KEY = {"targetCompleted": "completed", "actionCompleted": "action"}

# What in a log says why a test ended without a verdict of its own.
TELLING = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: |Check failed|Assertion .* failed|"
    r"terminate called|what\(\):|Segmentation fault|Aborted|Timeout|FAIL|VIOLATION |"
    r"could not be |\w+Error: |\[0x[0-9a-f]+\]$|no sequence has ended")


def path_of(uri):
    return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


def shorten(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line[:GIST_WIDTH] for line in lines[:GIST_LINES]]


def lines_of(path):
    try:
        with open(path, errors="replace") as file:
            return [line for line in file.read().splitlines() if line.strip()]
    except (OSError, TypeError):
        return []


def gist_of_log(path):
    lines = lines_of(path)
    return shorten("\n".join([line for line in lines if TELLING.search(line)] or lines[-GIST_LINES:]))


def gist_of_build(path):
    lines = lines_of(path)
    return shorten("\n".join([line for line in lines if "error: " in line or line.startswith("ERROR: ")] or lines))


def gist_of_package(label, log):
    """What Bazel itself says of the label's BUILD file: a file or a package that is not there, say."""
    build_file = "/%s/BUILD" % label.lstrip("/").split(":")[0]
    said = [line for line in lines_of(log) if line.startswith("ERROR: ") and build_file in line]
    return shorten("\n".join(said)) or ["something that it needs does not build"]


class Target:
    """One test target: its last attempt's files, its verdict."""

    def __init__(self, label):
        self.label = label
        self.results = {}
        self.status = None

    def add_result(self, ident, result):
        key = (ident.get("run", 1), ident.get("shard", 0))
        attempt = ident.get("attempt", 1)
        if key in self.results and self.results[key][0] > attempt:
            return
        files = {output["name"]: path_of(output.get("uri", "")) for output in result.get("testActionOutput", [])}
        self.results[key] = (attempt, result.get("status", "NO_STATUS"), files)


class Report:
    """The counts of one run, and a text for each failed case."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def fail(self, name, gist, log=None):
        self.failures.append((name, gist, log))

    def add_case(self, label, case, log):
        name = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
        bad = [child for child in case if child.tag in ("failure", "error")]
        if bad:
            gist = shorten(bad[0].get("message") or bad[0].text or "")
            self.fail("%s %s" % (label, name), gist if case.find("failure") is not None else gist_of_log(log), log)
        elif case.get("result") == "skipped" or case.find("skipped") is not None:
            self.skipped += 1
        elif case.get("status") != "notrun":
            self.passed += 1

    def add_shard(self, label, status, files):
        log = files.get("test.log")
        failed_before = len(self.failures)
        cases = read_cases(files.get("test.xml"))
        for case in cases:
            self.add_case(label, case, log)
        if status == "PASSED" and not cases:
            self.passed += 1
        if status not in ("PASSED", "FLAKY") and len(self.failures) == failed_before:
            self.fail("%s (%s)" % (label, status), gist_of_log(log), log)


def read_cases(path):
    if not path or not os.path.exists(path):
        return []
    try:
        return list(ElementTree.parse(path).iter("testcase"))
    except ElementTree.ParseError:
        return []


def read_events(path):
    """Yields (kind, id, payload) of each event in the file; a file cut off in the middle is read as far as it goes."""
    if not os.path.exists(path):
        return
    with open(path, errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                return
            for kind, ident in event.get("id", {}).items():
                yield kind, ident, event.get(PAYLOAD_KEY.get(kind, kind)) or event.get("aborted") or {}


def collect(events, log):
    """Returns the test targets by label, and for each label that did not build the gist of why."""
    targets, unbuilt, reasons = {}, set(), {}
    for kind, ident, payload in events:
        label = ident.get("label", "") if isinstance(ident, dict) else ""
        if kind == "targetCompleted" and not payload.get("success"):
            unbuilt.add(label)
        elif kind == "actionCompleted" and not payload.get("success"):
            reasons.setdefault(label, gist_of_build(path_of(payload.get("stderr", {}).get("uri", ""))))
        elif kind == "configuredLabel" and payload.get("description"):
            reasons.setdefault(label, shorten(payload["description"]))
        elif kind == "testResult":
            targets.setdefault(label, Target(label)).add_result(ident, payload)
        elif kind == "testSummary":
            targets.setdefault(label, Target(label)).status = payload.get("overallStatus")
    return targets, {label: reasons.get(label) or gist_of_package(label, log) for label in unbuilt}


def build_report(events, exit_code, log=None):
    report = Report()
    targets, unbuilt = collect(events, log)
    for label in sorted(unbuilt):
        report.fail("%s does not build" % label, unbuilt[label], log)
    for target in sorted(targets.values(), key=lambda one: one.label):
        if target.label in unbuilt:
            continue
        for _, status, files in target.results.values():
            report.add_shard(target.label, status, files)
        if not target.results:
            report.fail("%s (%s)" % (target.label, target.status), [])
    unexplained = exit_code not in EXPLAINED_EXIT_CODES and not unbuilt
    if unexplained or (exit_code == 3 and not report.failures):
        report.fail("bazel ended with code %d" % exit_code, gist_of_build(log), log)
    return report


def add_totals(path, report):
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    if os.path.exists(path):
        with open(path) as file:
            totals.update(json.load(file))
    totals["passed"] += report.passed
    totals["failed"] += len(report.failures)
    totals["skipped"] += report.skipped
    with open(path, "w") as file:
        json.dump(totals, file)


def print_failures(report, suite):
    for name, gist, log in report.failures:
        print("  FAILED %s%s" % (suite + ": " if suite else "", name))
        for line in gist:
            print("      " + line)
        if log:
            print("      log: " + log)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", required=True)
    parser.add_argument("--log")
    parser.add_argument("--exit_code", type=int, required=True)
    parser.add_argument("--totals", required=True)
    parser.add_argument("--suite", default="")
    options = parser.parse_args(arguments)
    report = build_report(read_events(options.events), options.exit_code, options.log)
    add_totals(options.totals, report)
    print_failures(report, options.suite)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
