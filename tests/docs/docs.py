"""Checks that C++ in the documentation is code that compiles, and that links lead somewhere.

  docs.py [--root=DIR]

Every ```cpp block of README.md, CONTRIBUTING.md and docs/*.md is an excerpt of a source file of the tree, which the
build compiles; the comment before it names the file:

  <!-- excerpt: examples/order_totals/topology.cc -->

A block's lines stand there in the same order without others between them; only their common indentation may differ.
A line `...` in a block stands for any lines.

A source file that a document names in backquotes exists, and symbols in parentheses behind it, as in `a/b.cc` (`B::Call`),
stand in it. docs/ARCHITECTURE.md answers at least ten questions, each with a file and a symbol. Prints each breach as `path:line: message`, exits 1 if there is one.
"""

import argparse
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
EXCERPT = re.compile(r"<!-- excerpt: (\S+) -->\s*$")
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:h|cc|py|proto|bzl))`(?: \(((?:`[^`]+`(?:, )?)+)\))?")
SYMBOL = re.compile(r"`([^`]+)`")
ANSWERS = "docs/ARCHITECTURE.md"
QUESTION = re.compile(r"^\| ([^|]+\?) \| ([^|]+) \|$")
LEAST_QUESTIONS = 10
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
FENCE = re.compile(r"^\s*```(\S*)\s*$")
GAP = "..."


def documents(root):
    """The files that are checked, relative to root."""
    found = [name for name in ("README.md", "CONTRIBUTING.md") if os.path.exists(os.path.join(root, name))]
    return found + sorted(os.path.relpath(path, root) for path in glob.glob(os.path.join(root, "docs", "**", "*.md"),
                                                                            recursive=True))


def dedent(lines):
    """Without trailing blanks and the indentation that all non-empty lines share."""
    lines = [line.rstrip() for line in lines]
    indents = [len(line) - len(line.lstrip()) for line in lines if line]
    return [line[min(indents):] if line else "" for line in lines]


def pieces_of(block):
    """The runs of lines between gaps."""
    pieces = [[]]
    for line in block:
        if line.strip() == GAP:
            pieces.append([])
        else:
            pieces[-1].append(line)
    return [piece for piece in pieces if any(line.strip() for line in piece)]


def find_piece(piece, source, begin):
    """Index behind the piece's first occurrence in the source's lines from begin on, or -1."""
    wanted = dedent(piece)
    for start in range(begin, len(source) - len(wanted) + 1):
        if dedent(source[start:start + len(wanted)]) == wanted:
            return start + len(wanted)
    return -1


def is_excerpt(block, source):
    pieces, at = pieces_of(block), 0
    for piece in pieces:
        at = find_piece(piece, source, at)
        if at < 0:
            return False
    return bool(pieces)


def blocks(lines):
    """Yields (line number, excerpt's file or None, lines) of each ```cpp block."""
    language, start, named, last = None, 0, None, ""
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if language is None and fence:
            match = EXCERPT.match(last)
            language, start, named = fence.group(1).lower(), number, match.group(1) if match else None
        elif language is not None and line.strip() == "```":
            if language in ("cpp", "c++", "cc", "cxx"):
                yield start, named, lines[start:number - 1]
            language = None
        if line.strip():
            last = line
    if language is not None:
        yield start, None, []


def check_block(root, named, block):
    """Returns what is wrong with it, or nothing."""
    if named is None:
        return "code without `<!-- excerpt: FILE -->` before it: name the compiled source file that it stands in"
    if not named.endswith((".cc", ".h")):
        return "%s is no C++ source file: name one that the build compiles" % named
    path = os.path.join(root, named)
    if not os.path.exists(path):
        return "there is no file %s: correct the excerpt's name" % named
    with open(path, encoding="utf-8") as file:
        if is_excerpt(block, file.read().split("\n")):
            return None
    return "this code does not stand in %s: copy it from there" % named


def check_links(root, document, lines):
    for number, line in enumerate(lines, 1):
        for target in LINK.findall(line):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not os.path.exists(os.path.join(root, os.path.dirname(document), target)):
                yield number, "the link leads nowhere: %s" % target


def path_of(root, name):
    """Where the file is that users include under that name."""
    if name == "once/testing.h":
        return "tests/testkit/testing.h"
    if not re.fullmatch(r"once/\w+\.h", name):
        return name
    places = ["processor/" + name[len("once/"):], "processor/schema/" + name[len("once/"):]]
    return next((place for place in places if os.path.exists(os.path.join(root, place))), places[0])


def lacks(text, symbol):
    """Whether the text has not all words of a symbol such as Engine::Step."""
    return any(not re.search(r"\b%s\b" % re.escape(word), text) for word in re.findall(r"\w+", symbol))


def check_files(root, lines):
    """Yields (line number, message) of files and symbols that are named but not there."""
    for number, line in enumerate(lines, 1):
        for name, symbols in FILE.findall(line):
            path = os.path.join(root, path_of(root, name))
            if not os.path.exists(path):
                yield number, "there is no file %s: correct its name" % name
                continue
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for symbol in SYMBOL.findall(symbols):
                if lacks(text, symbol):
                    yield number, "%s has no %s: say where it is now" % (name, symbol)


def check_questions(lines):
    """Yields (line number, message) of questions without an answer that leads to a file and a symbol."""
    questions = 0
    for number, line in enumerate(lines, 1):
        question = QUESTION.match(line)
        if question is None:
            continue
        questions += 1
        if not any(symbols for _, symbols in FILE.findall(question.group(2))):
            yield number, "the answer names no file with a symbol in it: `a/b.cc` (`B::Call`)"
    if questions < LEAST_QUESTIONS:
        yield 1, "answers %d questions, and should at least %d" % (questions, LEAST_QUESTIONS)


def check(root):
    """Returns the messages of all breaches."""
    messages, code_blocks = [], 0
    for document in documents(root):
        with open(os.path.join(root, document), encoding="utf-8") as file:
            lines = file.read().split("\n")
        for number, named, block in blocks(lines):
            code_blocks += 1
            wrong = check_block(root, named, block)
            if wrong:
                messages.append("%s:%d: %s" % (document, number, wrong))
        wrongs = list(check_links(root, document, lines)) + list(check_files(root, lines))
        if document == ANSWERS:
            wrongs += check_questions(lines)
        messages += ["%s:%d: %s" % (document, number, wrong) for number, wrong in wrongs]
    if code_blocks == 0:
        messages.append("README.md:1: there is no ```cpp block in any document: the page of code is missing")
    return messages


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(HERE)))
    messages = check(parser.parse_args(arguments).root)
    for message in messages:
        print(message)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
