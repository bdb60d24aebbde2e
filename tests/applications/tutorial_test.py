"""docs/tutorial.md, run from its own text: every ```sh block in one shell, and what a ```text block behind one shows."""

import os
import re
import subprocess

import applications
from applications import TREE, expect

TUTORIAL = os.path.join(TREE, "docs", "tutorial.md")
BLOCK = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
MARK = "=== block %d ==="


def blocks():
    """Returns [(line, commands, what they print or None)]."""
    with open(TUTORIAL, encoding="utf-8") as file:
        text = file.read()
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match.group(1) == "sh":
            found.append([line, match.group(2), None])
        elif match.group(1) == "text":
            expect(found and found[-1][2] is None, "line %d: no commands before what they print" % line)
            found[-1][2] = match.group(2)
    return found


def script(parts, bazel):
    """One shell for all of it. Its Bazel has an output base of its own; whatever fails ends it, and the processes too."""
    lines = ["set -eu",
             "trap 'kill -KILL ${program:-} ${sender:-} 2>/dev/null || true; ../once/docker/kafka/broker stop "
             "--dir=\"$PWD/broker\" >/dev/null 2>&1 || true' EXIT",
             # A function: another PATH would have everything compiled again.
             "bazel() {", '  local command="$1"', "  shift",
             '  command bazel %s "$command" --curses=no --color=no --disk_cache=%s "$@"' %
             (bazel.env["ONCE_BAZEL_STARTUP"], os.path.expanduser("~/.cache/once-bazel")), "}"]
    for line, commands, _ in parts:
        lines += ["echo '%s'" % (MARK % line), commands]
    return "\n".join(lines)


def test(work, bazel):
    parts = blocks()
    expect(len(parts) >= 7, "the tutorial has lost its commands")
    place = os.path.join(work, "place")
    os.mkdir(place)
    os.symlink(TREE, os.path.join(place, "once"))
    with open(os.path.join(work, "script"), "w", encoding="utf-8") as file:
        file.write(script(parts, bazel))
    print("running %d blocks of %s" % (len(parts), TUTORIAL), flush=True)
    result = subprocess.run(["timeout", "3000", "bash", os.path.join(work, "script")], cwd=place, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True, check=False)
    bazel.shut_down(os.path.join(place, "page-counter"))
    print(result.stdout, flush=True)
    expect(result.returncode == 0, "the commands ended with code %d; the last block begins after the last === above" %
           result.returncode)
    for line, _, expected in parts:
        if expected is not None:
            printed = result.stdout.split((MARK % line) + "\n")[1].split("=== block")[0]
            expect(printed == expected, "line %d prints\n%s, and not what the tutorial says:\n%s" % (line, printed, expected))


if __name__ == "__main__":
    applications.run_main(test)
