"""The tests that docs/rules.md names exist, and tests name no rule that it lacks."""

import os
import re

import source_tree

TABLE = os.path.join("docs", "rules.md")
_ROW = re.compile(r"(?m)^\| ([A-Z]\d+[a-z]?) \| [^|]+ \|([^|]*)\|$")
_NAMED = re.compile(r"`(\w+)\.(\w+)`")
_TEST = re.compile(r"(?m)^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\)")
_MENTION = re.compile(r"\b[Rr]ules? ([TFER]\d+[a-z]?(?:(?:, | and | to )[TFER]\d+[a-z]?)*)")


def check(root):
    """Yields (rule, path, line, message) for each breach."""
    if not os.path.exists(os.path.join(root, TABLE)):
        return
    tests, mentions = set(), []
    for path in source_tree.find(root, source_tree.SOURCE_SUFFIXES):
        text = source_tree.read(root, path)
        tests.update(_TEST.findall(text))
        for match in _MENTION.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            mentions += [(path, line, name) for name in re.findall(r"[TFER]\d+[a-z]?", match.group(1))]
    table, rows = source_tree.read(root, TABLE), set()
    for row in _ROW.finditer(table):
        rows.add(row.group(1))
        line = table.count("\n", 0, row.start()) + 1
        named = _NAMED.findall(row.group(2))
        if not named:
            yield "rules", TABLE, line, "names no test of rule %s" % row.group(1)
        for suite, name in named:
            if (suite, name) not in tests:
                yield "rules", TABLE, line, "names %s.%s, but there is no such test" % (suite, name)
    for path, line, name in mentions:
        if name not in rows:
            yield "rules", path, line, "names rule %s, which %s lacks" % (name, TABLE)
