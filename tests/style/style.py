"""Checks the source tree: layering, sizes, header guards, printed lines, the table of rules, compiler options. See
builds.py, layering.py, rules.py, sizes.py and words.py.

  style.py [--root=DIR] [--exceptions=FILE]

prints each breach as `path:line: message` and exits 1 if there is one. An exception is a line
`rule path[:function]  reason` in the exceptions file; one that excuses nothing any more is a breach itself.
"""

import argparse
import os
import sys

import builds
import layering
import rules
import sizes
import words

HERE = os.path.dirname(os.path.realpath(__file__))
RULES = ("copts", "layer", "file-size", "function-size", "guard", "note", "terminal", "rules")


def read_exceptions(path):
    """Returns {(rule, subject): line number} and the messages about lines that are none."""
    exceptions, errors = {}, []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words_of_line = line.split(None, 2)
            if not words_of_line or line.startswith("#"):
                continue
            if len(words_of_line) < 3 or words_of_line[0] not in RULES:
                errors.append("%s:%d: is not `rule path reason` with a rule of %s" % (path, number, ", ".join(RULES)))
            else:
                exceptions[(words_of_line[0], words_of_line[1])] = number
    return exceptions, errors


def check(root, exceptions_file):
    """Returns the messages of all breaches."""
    exceptions, messages = read_exceptions(exceptions_file)
    used = set()
    for module in (builds, layering, rules, sizes, words):
        for rule, subject, line, message in module.check(root):
            if (rule, subject) in exceptions:
                used.add((rule, subject))
            else:
                messages.append("%s:%d: %s [%s]" % (subject.split(":")[0], line, message, rule))
    for key, number in exceptions.items():
        if key not in used:
            messages.append("%s:%d: excuses nothing any more: delete the line" % (exceptions_file, number))
    return messages


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(HERE)))
    parser.add_argument("--exceptions", default=os.path.join(HERE, "exceptions.txt"))
    options = parser.parse_args(arguments)
    messages = check(options.root, options.exceptions)
    for message in messages:
        print(message)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
