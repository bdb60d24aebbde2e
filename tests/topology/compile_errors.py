"""Checks that wrong topologies do not compile, and that the compiler says why in our words.

One compilation holds all mistakes; each expected message must be the only one about the line that is marked with it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
COMPILERS = ("g++", "clang++")  # Those of them that are installed.

# What stands in a handler of a transform or an aggregate, and a part of the sentence that it must bring about. Lines
# without one must compile: they are what the user should have written.
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
    ("event.Emit(totals, Text());", "this sink takes values of another type"),
    ("event.Emit(numbers, int64_t{1}, 2);", "this sink's keys are of another type; see its AddSink"),
    ('event.Emit(numbers, "key", 2);', "this sink's keys are of another type; see its AddSink"),
    ("event.Emit(numbers, 2);", "use Emit(sink, key, value)"),
    ("event.EmitTombstone(numbers);", "use EmitTombstone(sink, key)"),
    ("event.EmitTombstone(numbers, std::string());", "this sink's keys are of another type; see its AddSink"),
    ('event.Emit("totals", std::string());', "Emit begins with a sink, which AddSink returns"),
    ("event.Emit(source, std::string());", "Emit begins with a sink, which AddSink returns"),
    ("event.Emit(std::string(), texts);", "Emit begins with a sink, which AddSink returns"),
    ("event.EmitTombstone(1, numbers);", "EmitTombstone begins with a sink, which AddSink returns"),
    ("event.Forward(source);", "Forward takes a sink, which AddSink returns"),
]

TRANSFORM = 'builder.AddTransform("t")'
ON_TEXT = TRANSFORM + ".On<std::string>(source, %s);"
ON_TOTAL = 'builder.AddAggregate<Total>("a").On<Text>(source, %s);'
OK = "return absl::OkStatus();"
NO_CODEC = "there is no once::Codec for this type of "
REGISTRATIONS = [
    (TRANSFORM + ".OnAny(source, [](const once::Bytes&, auto&) { %s });" % OK, None),
    (ON_TOTAL % ("[](const Text& text, auto& total) { if (text.value().empty()) return absl::InvalidArgumentError(\"\");"
                 " total.Emit(totals, *total.mutable_state()); %s }" % OK), None),
    (TRANSFORM + '.On<std::string>(source, {"acme.text.v1"}, [](const std::string&, auto&) { %s });' % OK, None),
    (TRANSFORM + ".EmitsTo(texts, numbers);", None),
    # The handler's shape.
    (TRANSFORM + ".OnAny(source, [n = 0](const once::Bytes&, auto&) mutable { ++n; %s });" % OK,
     "a handler is called as const: not `mutable`"),
    (ON_TEXT % "[](const std::string&, auto&) { return 1; }", "a handler returns absl::Status, and this one returns"),
    (ON_TEXT % "[](const std::string&, auto&) {}", "a handler returns absl::Status: end it with"),
    (ON_TOTAL % "[](const Text&, auto& total) { total.mutable_state(); }", "a handler returns absl::Status: end it with"),
    (TRANSFORM + ".OnTombstone(source, [](auto&) {});", "a handler returns absl::Status: end it with"),
    (ON_TEXT % ("[](const std::string&) { %s }" % OK), "a handler takes its context as well"),
    (ON_TEXT % ("[](Context&, const std::string&) { %s }" % OK), "a handler takes its event first"),
    (ON_TEXT % ("[](auto& context, const std::string&) { context.Forward(texts); %s }" % OK),
     "a handler takes its event first"),
    (ON_TEXT % ("[](std::string&, auto&) { %s }" % OK), "a handler takes its event as const"),
    (ON_TEXT % ("[](const once::Bytes&, auto&) { %s }" % OK), "the handler takes events of another type than On<Event>"),
    (ON_TOTAL % ("[](const Total&, auto& total) { total.mutable_state(); %s }" % OK),
     "the handler takes events of another type than On<Event>"),
    (TRANSFORM + ".OnAny(source, [](const std::string&, auto&) { %s });" % OK, "OnAny: const once::Bytes&"),
    (ON_TEXT % ("[](int, int, int) { %s }" % OK), "a handler is called as absl::Status(const Event& event, auto& context)"),
    (TRANSFORM + ".OnTombstone(source, [](const std::string&, auto&) { %s });" % OK,
     "a tombstone's handler is called as absl::Status(auto& context)"),
    (TRANSFORM + ".OnAny(source, [p = std::make_unique<int>()](const once::Bytes&, auto&) { %s });" % OK,
     "each worker gets a copy of the handler"),
    (TRANSFORM + '.On<std::string>(source, {"acme.text.v1"}, [](const std::string&) { %s });' % OK,
     "a handler takes its context as well"),
    # The context, which is not copied.
    ('builder.AddAggregate<std::string>("a").OnAny(source, [](const once::Bytes&, auto state) '
     "{ state.mutable_state(); %s });" % OK, "a handler takes its context by reference"),
    (ON_TOTAL % ("[](const Text&, auto total) { total.mutable_state(); %s }" % OK),
     "a handler takes its context by reference"),
    (TRANSFORM + ".OnAny(source, [](const once::Bytes&, Context event) { event.Forward(texts); %s });" % OK,
     "a handler takes its context by reference"),
    (TRANSFORM + ".OnTombstone(source, [](auto event) { event.Forward(texts); %s });" % OK,
     "a handler takes its context by reference"),
    # Sources and sinks.
    ('builder.AddTransform<int32_t>("t").OnAny(source, [](const once::Bytes&, auto&) { %s });' % OK,
     "this source's keys are of another type than the node's"),
    (TRANSFORM + ".EmitsTo(source);", "EmitsTo names sinks, which AddSink returns"),
    (TRANSFORM + ".EmitsTo(texts, source);", "EmitsTo names sinks, which AddSink returns"),
    (TRANSFORM + '.EmitsTo("texts");', "EmitsTo names sinks, which AddSink returns"),
    (TRANSFORM + ".On<std::string>(texts, [](const std::string&, auto&) { %s });" % OK,
     "On listens to a source, which AddSource returns"),
    (TRANSFORM + '.On<std::string>("orders", [](const std::string&, auto&) { %s });' % OK,
     "On listens to a source, which AddSource returns"),
    # Types that are not named.
    (TRANSFORM + ".On(source, [](const std::string&, auto&) { %s });" % OK, "On names the type of its events"),
    ('builder.AddAggregate("a");', "AddAggregate names the type of its state"),
    ('builder.AddSink("s", {.topic = "t"});', "AddSink names the type of its values"),
    # Types without a codec; each is a type of its own, since a compiler tells of each instance once.
    ('builder.AddAggregate<Plain<1>>("a");', NO_CODEC + "state"),
    ('builder.AddAggregate<Plain<2>>("a").On<Text>(source, [](const Text&, auto& plain) { plain.mutable_state(); %s });'
     % OK, NO_CODEC + "state"),
    ('builder.AddSink<Plain<3>>("s", {.topic = "t"});', NO_CODEC + "value"),
    (TRANSFORM + ".On<Plain<4>>(source, [](const Plain<4>&, auto&) { %s });" % OK, NO_CODEC + "event"),
    (TRANSFORM + '.On<Plain<5>>(source, {"acme.plain.v1"}, [](const Plain<5>&, auto&) { %s });' % OK, NO_CODEC + "event"),
    ('builder.AddSource<Plain<6>>("s", {.topic = "t"});', NO_CODEC + "key"),
    ('builder.AddSink<Text, Plain<7>>("s", {.topic = "t"});', NO_CODEC + "key"),
    ('builder.AddAggregate<Total, Plain<8>>("a");', NO_CODEC + "key"),
    ('builder.AddTransform<Plain<9>>("t");', NO_CODEC + "key"),
    # The end.
    ("std::move(builder).Build().IgnoreError();", None),
    ("builder.Build().IgnoreError();", "Build ends the builder: write std::move(builder).Build()"),
]

# Text and Total are messages, to the templates: what matters of one is that it is derived and can be parsed.
PREAMBLE = """\
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include "google/protobuf/wrappers.pb.h"
#include "processor/topology.h"
using Text = google::protobuf::StringValue;
using Total = google::protobuf::Int64Value;
template <int n> struct Plain {};
once::Source<std::string> source;
once::Sink<std::string, std::string> texts;
once::Sink<int64_t, int32_t> numbers;
once::Sink<Total, std::string> totals;
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


def compile_errors(compiler, text):
    """What the compiler says about the text; empty if it compiles."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "program.cc")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        command = [compiler, "-std=c++20", "-fsyntax-only", "-I", ROOT, path]
        if "clang" in compiler:
            command.insert(1, "-ferror-limit=0")
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              env={**os.environ, "LC_ALL": "C"})
        return done.stderr if done.returncode != 0 else ""


def complaints(errors, place_comes_first):
    """{line number of a case: errors that it brought about}. gcc tells where it came from and then the error, clang the
    error and then where it came from."""
    found, line, open_error = {}, None, None
    for said in errors.splitlines():
        place = re.search(r"program\.cc:(\d+):", said)
        if place and int(place.group(1)) > len(PREAMBLE.splitlines()):
            line = int(place.group(1))
            if open_error is not None:
                found.setdefault(line, []).append(open_error)
                open_error = None
        if " error: " in said:
            if place_comes_first or place:
                found.setdefault(line, []).append(said)
            else:
                open_error = said
    return found


def problems_of(compiler, cases):
    right, _ = program([case for case in cases if case[1] is None])
    errors = compile_errors(compiler, right)
    if errors:
        return ["what is right does not compile:\n" + errors]
    text, expected = program(cases)
    found = complaints(compile_errors(compiler, text), place_comes_first="clang" not in compiler)
    problems = []
    for number, message in sorted(expected.items()):
        line, said = text.splitlines()[number - 1], found.get(number, [])
        if not any(message in error for error in said):
            problems.append("nothing like \"%s\" is said about: %s\n  but %s" % (message, line, said or "nothing"))
        elif len(said) != 1:
            problems.append("more than one sentence is said about: %s\n  %s" % (line, "\n  ".join(said)))
    for number in sorted(set(found) - set(expected)):
        problems.append("complains about what is right: %s" % text.splitlines()[number - 1])
    return problems


def main():
    cases = [(code, message, True) for code, message in HANDLER_BODIES]
    cases += [(code, message, False) for code, message in REGISTRATIONS]
    compilers = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    problems = [] if compilers else ["there is neither of %s" % ", ".join(COMPILERS)]
    for compiler in compilers:
        problems += ["%s: %s" % (compiler, problem) for problem in problems_of(compiler, cases)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
