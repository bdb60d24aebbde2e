"""Targets of C++ name the project's compiler options: in the workspace of an application they have no others."""

import os
import re

import source_tree

TARGET = re.compile(r"(?ms)^[ \t]*cc_(?:library|binary|test)\((.*?)^[ \t]*\)")
# Examples of other workspaces, and C.
NOT_OURS = ("examples/own_workspace/", "third_party/")


def check(root):
    """Yields (rule, path, line, message) for each breach."""
    for path in source_tree.find(root, (".bazel", ".bzl")):
        if path.startswith(NOT_OURS) or os.path.basename(path) == "MODULE.bazel":
            continue
        text = source_tree.read(root, path)
        for match in TARGET.finditer(text):
            if re.search(r"\bsrcs\b", match.group(1)) and not re.search(r"\bcopts\b", match.group(1)):
                line = text.count("\n", 0, match.start()) + 1
                yield "copts", path, line, "has a target without copts: give it ONCE_COPTS, or ONCE_TEST_COPTS"
