"""Reads a Dockerfile: the part of the language that docker/Dockerfile and those of ./new_app are written in."""

import json
import re
import shlex

KNOWN = ("ARG", "FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "VOLUME", "STOPSIGNAL", "ENTRYPOINT")


class DockerfileError(Exception):
    """Says in which line what is not understood."""


class Stage:
    """A FROM, and the instructions behind it as (line number, name, value)."""

    def __init__(self, base, name):
        self.base, self.name, self.instructions = base, name, []


def _logical_lines(text):
    """Yields (line number, line) with continued lines joined; comments within them are left out, as Docker does."""
    begin, parts = None, []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        begin = begin or number
        continued = line.rstrip().endswith("\\")
        parts.append(line.rstrip().rstrip("\\") if continued else line)
        if not continued:
            yield begin, " ".join(part.strip() for part in parts)
            begin, parts = None, []
    if parts:
        raise DockerfileError("line %d: goes on behind the end of the file" % begin)


def _substitute(value, arguments, number):
    def value_of(match):
        name = match.group(1) or match.group(2)
        if name not in arguments:
            raise DockerfileError("line %d: ${%s} is no ARG before it" % (number, name))
        return arguments[name]
    return re.sub(r"\$\{(\w+)\}|\$(\w+)", value_of, value)


def parse(text, given=None):
    """Returns the stages in order. `given` are arguments as of --build-arg."""
    arguments, stages = {}, []
    for number, line in _logical_lines(text):
        name, _, value = line.partition(" ")
        name, value = name.upper(), value.strip()
        if name not in KNOWN:
            raise DockerfileError("line %d: %s is none of %s" % (number, name, ", ".join(KNOWN)))
        if name == "ARG":
            if stages:
                raise DockerfileError("line %d: ARG goes before the first FROM" % number)
            argument, _, default = value.partition("=")
            arguments[argument] = (given or {}).get(argument, default)
        elif name == "FROM":
            words = _substitute(value, arguments, number).split()
            if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
                raise DockerfileError("line %d: FROM is not `FROM base [AS name]`" % number)
            stages.append(Stage(words[0], words[2] if len(words) == 3 else str(len(stages))))
        elif not stages:
            raise DockerfileError("line %d: %s before the first FROM" % (number, name))
        else:
            stages[-1].instructions.append((number, name, value))
    return stages


def stages_of(stages, target):
    """The target and what it is made from, in the order in which they are built."""
    by_name = {stage.name: stage for stage in stages}
    if target not in by_name:
        raise DockerfileError("there is no stage %s: there are %s" % (target, ", ".join(by_name)))
    wanted = set()

    def want(name):
        if name in by_name and name not in wanted:
            wanted.add(name)
            want(by_name[name].base)
            for _, instruction, value in by_name[name].instructions:
                if instruction == "COPY":
                    want(split_options(value)[0].get("from", ""))
    want(target)
    return [stage for stage in stages if stage.name in wanted]


def split_options(value):
    """Splits `--from=build --chown=x a b` into ({"from": "build", "chown": "x"}, "a b")."""
    options = {}
    while True:
        match = re.match(r"--([a-z]+)=(\S+)\s+", value)
        if not match:
            return options, value
        options[match.group(1)] = match.group(2)
        value = value[match.end():]


def words(value):
    """The arguments of COPY or ENTRYPOINT, in either form."""
    return json.loads(value) if value.startswith("[") else shlex.split(value)


def assignments(value):
    """{name: value} of an ENV."""
    return dict(word.split("=", 1) for word in shlex.split(value))
