"""Header guards named after their path, no notes to self, and lines that move on terminals only."""

import re

import source_tree

# Put together here so that this file passes its own rule.
NOTES = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


# What is printed over the line before, and how a program finds out that there is a line to print over.
REWRITES = re.compile(r"""["']\\r(?!\\n)[^"'\n]*[A-Za-z%]""")
ASKS_FOR_TERMINAL = re.compile(r"\bisatty\(|\[\[ (! )?-t [12] \]\]")


def guard_of(path):
    return "ONCE_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"


def check(root):
    """Yields (rule, path, line, message) for each breach."""
    for path in source_tree.find(root, source_tree.TEXT_SUFFIXES):
        text = source_tree.read(root, path)
        for match in NOTES.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield "note", path, line, "has a %s: do it now, or write it down where work is planned" % match.group(0)
        rewrite = REWRITES.search(text)
        if rewrite and not ASKS_FOR_TERMINAL.search(text):
            line = text.count("\n", 0, rewrite.start()) + 1
            yield "terminal", path, line, "prints over a line: do so only where isatty (or -t 1) finds a terminal"
        if path.endswith(".h"):
            guard = guard_of(path)
            if not re.search(r"(?m)^#ifndef %s\n#define %s$" % (guard, guard), text):
                yield "guard", path, 1, "lacks its header guard %s" % guard
