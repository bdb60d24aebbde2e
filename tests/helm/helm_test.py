"""The chart in docker/helm: rendered by Helm's own engine, linted, and held against the schemas of what takes its objects.

Builds and runs the Go tests beside this file. The modules come through the ordinary go command, once; where they cannot
be had, the test is skipped and says so.
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.sax.saxutils

import golang

# The Go tests' own exit code for schemas that cannot be fetched.
NOT_FETCHED = 77
RESULT = re.compile(r"^( *)--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)$")


def cases_of(output):
    """(name, passed, seconds, what was said) of each test without parts, and of each part."""
    cases, said = [], []
    for line in output.splitlines():
        result = RESULT.match(line)
        if not result:
            if not line.startswith("=== "):
                said.append(line)
            continue
        cases.append([result.group(3), result.group(2) != "FAIL", result.group(4), []])
        said = cases[-1][3]
    whole = {name.rsplit("/", 1)[0] for name, *_ in cases if "/" in name}
    return [case for case in cases if case[0] not in whole]


def write_report(cases, skipped=""):
    path = os.environ.get("XML_OUTPUT_FILE")
    if not path:
        return
    quote = xml.sax.saxutils.quoteattr
    with open(path, "w", encoding="utf-8") as file:
        file.write('<testsuites><testsuite name="helm" tests="%d">\n' % len(cases))
        for name, passed, seconds, said in cases:
            inner = "" if passed else "<failure message=%s/>" % quote("\n".join(said))
            file.write("<testcase name=%s time=%s>%s</testcase>\n" % (quote(name), quote(seconds), inner))
        if skipped:
            file.write('<testcase name="chart" result="skipped"><skipped message=%s/></testcase>\n' % quote(skipped))
        file.write("</testsuite></testsuites>\n")


def skip(why):
    print("SKIPPED: %s" % why, flush=True)
    write_report([], why)
    return 0


def main():
    try:
        env = golang.prepare()
    except golang.NoGo as why:
        return skip(str(why))
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "chart.test")
        # Not vetted: vet reads all of Helm for it.
        subprocess.run(["go", "test", "-vet=off", "-c", "-o", program, "."], cwd=golang.HERE, env=env, check=True)
        subprocess.run(["go", "build", "-o", os.path.join(work, "render"), "./render"], cwd=golang.HERE, env=env, check=True)
        run = subprocess.run([program, "-test.v"], cwd=golang.HERE, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    print(run.stdout, flush=True)
    if run.returncode == NOT_FETCHED:
        return skip(run.stdout.strip()[-500:])
    cases = cases_of(run.stdout)
    if run.returncode != 0 and all(passed for _, passed, *_ in cases):
        return run.returncode
    write_report(cases)
    print("%d cases, %d failed" % (len(cases), sum(not passed for _, passed, *_ in cases)), flush=True)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
