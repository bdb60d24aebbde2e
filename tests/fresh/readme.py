"""The commands that the README tells a new user, read from its text."""

import re

import fresh

BLOCK = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
COMMENT = re.compile(r"\s+#.*$")


class Readme:
    """`try_it`, `bazel`, `cmake` and `packages` are lists of commands; `workspace` is a WORKSPACE file."""

    def __init__(self, text):
        (self.try_it,) = self._blocks(text, "Try it")["sh"]
        own = self._blocks(text, "Your own application")
        self.bazel, self.cmake, self.packages = own["sh"]
        (self.workspace,) = own["python"]

    @staticmethod
    def _blocks(text, heading):
        """{language: [a block's commands, or its text]} of one chapter."""
        chapter = re.search(r"(?ms)^## %s\n(.*?)(?=^## |\Z)" % heading, text)
        if not chapter:
            raise fresh.Failed("README.md has no chapter '%s'" % heading)
        found = {}
        for language, block in BLOCK.findall(chapter.group(1)):
            lines = [COMMENT.sub("", line) for line in block.splitlines()]
            found.setdefault(language, []).append([line for line in lines if line] if language == "sh" else block)
        return found

    def one(self, beginning, of=None):
        """The one command that begins so."""
        found = [line for line in of or self.try_it if line.split()[0] == beginning]
        if len(found) != 1:
            raise fresh.Failed("README.md has no command %s where it is looked for, or several: %s" % (beginning, found))
        return found[0]


def read(path):
    with open(path, encoding="utf-8") as file:
        return Readme(file.read())
