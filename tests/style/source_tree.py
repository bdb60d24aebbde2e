"""Our own source files, and their text with comments and literals blanked out."""

import os
import re

SOURCE_SUFFIXES = (".h", ".cc")
TEXT_SUFFIXES = SOURCE_SUFFIXES + (".proto", ".py", ".sh", ".bzl", ".bazel", ".md")

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?:u8|u|U|L)?R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""",
    re.DOTALL)
_DIGIT_SEPARATOR = re.compile(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])")


def find(root, suffixes):
    """Paths below root, relative and sorted; Bazel's links and hidden directories are left out."""
    found = []
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith((".", "bazel-")) and name != "__pycache__"]
        found += [os.path.relpath(os.path.join(directory, file), root) for file in files if file.endswith(suffixes)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def _blank(match):
    text = match.group(0)
    if text.startswith("/"):
        return re.sub(r"[^\n]", " ", text)
    return '""' + "\n" * text.count("\n")


def code_only(text):
    """The text with comments blank, literals empty and preprocessor lines blank; every line keeps its number."""
    text = _TOKEN.sub(_blank, _DIGIT_SEPARATOR.sub("", text))
    return re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda match: "\n" * match.group(0).count("\n"), text)


def includes(text):
    """Yields (line number, header) of each #include."""
    for match in re.finditer(r'(?m)^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)
