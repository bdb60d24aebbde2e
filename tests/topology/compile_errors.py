"""Checks that wrong topologies do not compile, and that the compiler says why in our words.

One compilation holds all mistakes; each expected message must be the only one about the line that is marked with it.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# A call that is instantiated alone, and a part of the message that it must bring about. Lines without message must
# compile: they are what the user should have written.
HANDLER_BODIES = [
    ("event.Emit(texts, std::string());", None),
    ('event.Emit(texts, "literal");', None),
    ("event.Emit(numbers, 1, 2);", None),
    ("event.Emit(numbers, 1, int64_t{2}, {.headers = {{\"a\", \"b\"}}});", None),
    ("event.EmitTombstone(numbers, 1);", None),
    ("event.Forward(numbers);", None),
    ("event.Emit(texts, 1.5);", "this sink takes values of another type"),
    ("event.Emit(texts, once::Bytes());", "this sink takes values of another type"),
    ("event.Emit(numbers, 1, 2.5);", "this sink takes values of another type"),
    ("event.Emit(numbers, int64_t{1}, 2);", "this sink's keys are of another type; see its AddSink"),
    ('event.Emit(numbers, "key", 2);', "this sink's keys are of another type; see its AddSink"),
    ("event.Emit(numbers, 2);", "use Emit(sink, key, value)"),
    ("event.EmitTombstone(numbers);", "use EmitTombstone(sink, key)"),
    ("event.EmitTombstone(numbers, std::string());", "this sink's keys are of another type; see its AddSink"),
]
REGISTRATIONS = [
    ('builder.AddTransform("t").OnAny(source, [](const once::Bytes&, auto&) { return absl::OkStatus(); });', None),
    ('builder.AddTransform("t").OnAny(source, [n = 0](const once::Bytes&, auto&) mutable { return absl::OkStatus(); });',
     "a handler is called as absl::Status(const Event&, auto& context), and as const"),
    ('builder.AddTransform("t").On<std::string>(source, [](const std::string&, auto&) { return 1; });',
     "a handler is called as absl::Status(const Event&, auto& context), and as const"),
    ('builder.AddTransform("t").On<std::string>(source, [](const std::string&) { return absl::OkStatus(); });',
     "a handler is called as absl::Status(const Event&, auto& context), and as const"),
    ('builder.AddTransform("t").OnTombstone(source, [](const std::string&, auto&) { return absl::OkStatus(); });',
     "a tombstone's handler is called as absl::Status(auto& context)"),
    ('builder.AddTransform("t").OnAny(source, [p = std::make_unique<int>()](const once::Bytes&, auto&) '
     '{ return absl::OkStatus(); });', "each worker gets a copy of the handler"),
    ('builder.AddTransform<int32_t>("t").OnAny(source, [](const once::Bytes&, auto&) { return absl::OkStatus(); });',
     "this source's keys are of another type than the node's"),
    ('builder.AddTransform("t").On<std::string>(source, {"acme.text.v1"}, [](const std::string&, auto&) '
     '{ return absl::OkStatus(); });', None),
    ('builder.AddTransform("t").On<std::string>(source, {"acme.text.v1"}, [](const std::string&) '
     '{ return absl::OkStatus(); });', "a handler is called as absl::Status(const Event&, auto& context), and as const"),
    ('builder.AddAggregate<std::string>("a").OnAny(source, [](const once::Bytes&, auto state) '
     '{ state.mutable_state(); return absl::OkStatus(); });', "a handler takes its context by reference"),
    ('builder.AddTransform("t").OnAny(source, [](const once::Bytes&, Context event) '
     '{ event.Forward(texts); return absl::OkStatus(); });', "a handler takes its context by reference"),
    ('builder.AddTransform("t").OnTombstone(source, [](auto event) { event.Forward(texts); return absl::OkStatus(); });',
     "a handler takes its context by reference"),
    ('builder.AddTransform("t").EmitsTo(texts, numbers);', None),
    ('builder.AddTransform("t").EmitsTo(source);', "EmitsTo names sinks, which AddSink returns"),
    ('builder.AddTransform("t").EmitsTo(texts, source);', "EmitsTo names sinks, which AddSink returns"),
    ('builder.AddTransform("t").EmitsTo("texts");', "EmitsTo names sinks, which AddSink returns"),
]

PREAMBLE = """\
#include <cstdint>
#include <memory>
#include <string>
#include "processor/topology.h"
once::Source<std::string> source;
once::Sink<std::string, std::string> texts;
once::Sink<int64_t, int32_t> numbers;
using Context = once::TransformContext<std::string>;
"""


def program(cases):
    """The source text, and {line number: expected message} of the cases with one."""
    lines, expected = PREAMBLE.splitlines(), {}
    for number, (code, message, is_body) in enumerate(cases):
        if is_body:
            lines.append("void Case%d(Context& event) { %s }" % (number, code))
        else:
            lines.append("void Case%d(once::TopologyBuilder& builder) { %s }" % (number, code))
        if message is not None:
            expected[len(lines)] = message
    return "\n".join(lines) + "\n", expected


def compile_errors(text):
    """What the compiler says about the text; empty if it compiles."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "program.cc")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        command = ["g++", "-std=c++20", "-fsyntax-only", "-I", ROOT, path]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              env={**os.environ, "LC_ALL": "C"})
        return done.stderr if done.returncode != 0 else ""


def complaints(errors):
    """{line number of a case: errors that it brought about}."""
    found, line = {}, None
    for said in errors.splitlines():
        place = re.search(r"program\.cc:(\d+):", said)
        if place and int(place.group(1)) > len(PREAMBLE.splitlines()):
            line = int(place.group(1))
        if " error: " in said and line is not None:
            found.setdefault(line, []).append(said)
    return found


def problems_of(cases):
    right, _ = program([case for case in cases if case[1] is None])
    errors = compile_errors(right)
    if errors:
        return ["what is right does not compile:\n" + errors]
    text, expected = program(cases)
    found = complaints(compile_errors(text))
    problems = []
    for number, message in sorted(expected.items()):
        line, said = text.splitlines()[number - 1], found.get(number, [])
        if not any(message in error for error in said):
            problems.append("nothing like \"%s\" is said about: %s" % (message, line))
        elif len(said) != 1:
            problems.append("more than one sentence is said about: %s\n  %s" % (line, "\n  ".join(said)))
    for number in sorted(set(found) - set(expected)):
        problems.append("complains about what is right: %s" % text.splitlines()[number - 1])
    return problems


def main():
    cases = [(code, message, True) for code, message in HANDLER_BODIES]
    cases += [(code, message, False) for code, message in REGISTRATIONS]
    problems = problems_of(cases)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
