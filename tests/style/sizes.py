"""Files of at most 400 lines, functions of at most 60."""

import re

import source_tree

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

_SCOPE_HEAD = re.compile(r"(inline\s+)?namespace\b|extern\s*\"\"\s*$|(typedef\s+)?(class|struct|union|enum)\b")
_TEMPLATE_HEAD = re.compile(r"\s*template\s*<")
_FUNCTION_TAIL = re.compile(
    r"\)\s*(const|volatile|noexcept|override|final|mutable|try|&&|&|ABSL_\w+(\([^()]*\))?|\s)*(->[^;{}]*)?$", re.DOTALL)
_INITIALISERS = re.compile(r"\)\s*(noexcept\s*)?:[^:].*[)}]\s*$", re.DOTALL)
_NAME = re.compile(r"([~\w]+|operator\s*[^\s\w]+)\s*\(")


def _without_template(head):
    """The head without `template <...>` in front."""
    while _TEMPLATE_HEAD.match(head):
        depth, end = 0, 0
        for end in range(head.index("<"), len(head)):
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            if depth == 0:
                break
        head = head[end + 1:]
    return head


def _assigns(head):
    """Whether an = stands outside all brackets: then a brace after it begins a value."""
    depth = 0
    for i, char in enumerate(head):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(char, 0)
        if char == "=" and depth == 0 and "operator" not in head[max(0, i - 12):i]:
            return True
    return False


def _kind(head):
    """What a brace after this head opens: a scope to look into, a function, or a value."""
    head = _without_template(head.strip()).strip()
    if _assigns(head):
        return "value"
    if _SCOPE_HEAD.match(head) and not _FUNCTION_TAIL.search(head):
        return "scope"
    if re.match(r"(class|struct|union)\b", head) and re.search(r"\)\s*\w+(\s*final)?(\s*:[^:].*)?$", head, re.DOTALL):
        return "scope"
    if _FUNCTION_TAIL.search(head) or _INITIALISERS.search(head):
        return "function"
    return "value"


def _matching_brace(code, opening):
    depth = 0
    for i in range(opening, len(code)):
        depth += {"{": 1, "}": -1}.get(code[i], 0)
        if depth == 0:
            return i
    return len(code) - 1


def functions(code):
    """Yields (name, first line, number of lines) of the functions in code from source_tree.code_only()."""
    start, i = 0, 0
    while i < len(code):
        if code[i] == "{":
            head = code[start:i]
            kind = _kind(head)
            if kind != "scope":
                end = _matching_brace(code, i)
                # A value is followed by punctuation; a word begins the next declaration.
                if re.match(r"\s*[\w~]", code[end + 1:end + 200]):
                    kind = "function"
            if kind == "function":
                first = start + len(head) - len(head.lstrip())
                name = _NAME.search(_without_template(head.strip()))
                first_line = code.count("\n", 0, first) + 1
                yield name.group(1) if name else "?", first_line, code.count("\n", first, end) + 1
            if kind != "scope":
                i = end
            if kind != "value":
                start = i + 1
        elif code[i] in ";}":
            start = i + 1
        elif code[i] == ":" and re.search(r"(public|protected|private)\s*$", code[start:i]):
            start = i + 1
        i += 1


def check(root):
    """Yields (rule, path, line, message) for each file and function over its limit."""
    for path in source_tree.find(root, source_tree.SOURCE_SUFFIXES):
        text = source_tree.read(root, path)
        lines = text.count("\n")
        if lines > MAX_FILE_LINES:
            yield "file-size", path, 1, "has %d lines; split it (at most %d)" % (lines, MAX_FILE_LINES)
        for name, line, length in functions(source_tree.code_only(text)):
            if length > MAX_FUNCTION_LINES:
                yield ("function-size", "%s:%s" % (path, name), line,
                       "%s() has %d lines; split it (at most %d)" % (name, length, MAX_FUNCTION_LINES))
