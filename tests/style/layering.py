"""Which directory may include which: the layers of docs/ARCHITECTURE.md, whose arrows point one way only.

The compiler does not stop an include that a dependency happens to make reachable, so this reads the #includes.
"""

import os
import re

import source_tree

PROTO = "proto"
BASE = "processor/base"
NET = "processor/net"
KAFKA = "processor/kafka"
LIBRDKAFKA = "processor/kafka/librdkafka"
STATE = "state"
ROCKSDB = "state/rocksdb"
TOPOLOGY = "processor/topology"
CONFIG = "processor/config"
ENGINE = "processor/engine"
RUNTIME = "processor/runtime"
OPERATOR = "processor/operator"
HTTP = "processor/http"
TYPED = "processor/typed"
FACADE = "processor"
CLI = "processor/cli"
SCHEMA = "processor/schema"
CLAIM_CHECK = "processor/claim_check"
BACK_OFFICE = "processor/back_office"
APP = "processor/app"
EXAMPLES = "examples"
TOOLS = "tools"
TESTS = "tests"
TESTKIT = "tests/testkit"
BENCH = "bench"

# A file belongs to the longest directory named here that holds it, and may include its own layer and these.
LAYERS = {
    PROTO: (),
    BASE: (PROTO,),
    NET: (BASE,),
    KAFKA: (PROTO, BASE),
    LIBRDKAFKA: (PROTO, BASE, KAFKA),
    STATE: (PROTO, BASE),
    ROCKSDB: (PROTO, BASE, STATE),
    TOPOLOGY: (PROTO, BASE),
    CONFIG: (PROTO, BASE),
    ENGINE: (PROTO, BASE, KAFKA, STATE, TOPOLOGY),
    RUNTIME: (PROTO, BASE, KAFKA, STATE, TOPOLOGY, ENGINE),
    OPERATOR: (PROTO, BASE, KAFKA, STATE, TOPOLOGY, ENGINE, RUNTIME),
    HTTP: (PROTO, BASE, NET),
    TYPED: (PROTO, BASE, TOPOLOGY),
    # The headers that users include; what implements them knows them, and they know nothing of it.
    FACADE: (PROTO, BASE, KAFKA, STATE, TOPOLOGY, CONFIG, TYPED),
    # Libraries beside it, for who wants them.
    SCHEMA: (PROTO, BASE, NET, TOPOLOGY, CONFIG, TYPED, FACADE),
    CLAIM_CHECK: (PROTO, BASE, NET, TOPOLOGY, CONFIG, TYPED, FACADE),
    # An operator's commands: everything that an application has, but for what runs it.
    CLI: (PROTO, BASE, KAFKA, STATE, TOPOLOGY, CONFIG, TYPED, ENGINE, RUNTIME, OPERATOR, FACADE),
    # What is asked by HTTP, done as an operator's commands do it.
    BACK_OFFICE: (PROTO, BASE, KAFKA, TOPOLOGY, CONFIG, ENGINE, RUNTIME, OPERATOR, HTTP, CLI),
    APP: (PROTO, BASE, KAFKA, STATE, TOPOLOGY, CONFIG, TYPED, ENGINE, RUNTIME, HTTP, FACADE, CLI, BACK_OFFICE),
    TOOLS: (PROTO, BASE, KAFKA, LIBRDKAFKA, STATE, TOPOLOGY, CONFIG, TYPED, HTTP, FACADE, APP, CLAIM_CHECK),
    EXAMPLES: (FACADE,),
    BENCH: (PROTO, BASE, KAFKA, LIBRDKAFKA, STATE, ROCKSDB, TOPOLOGY, CONFIG, TYPED, ENGINE, RUNTIME, HTTP, FACADE, APP,
            CLAIM_CHECK, EXAMPLES, TESTKIT, TESTS),
    TESTKIT: (PROTO, BASE, KAFKA, STATE, TOPOLOGY, CONFIG, TYPED, ENGINE, RUNTIME, HTTP, FACADE),
    TESTS: (PROTO, BASE, NET, KAFKA, LIBRDKAFKA, STATE, ROCKSDB, TOPOLOGY, CONFIG, TYPED, ENGINE, RUNTIME, OPERATOR, HTTP, FACADE,
            SCHEMA, CLAIM_CHECK, CLI, BACK_OFFICE, APP, EXAMPLES, TESTKIT, TOOLS, BENCH),
}

# "once/NAME" is processor/NAME, but for these.
PUBLIC_ELSEWHERE = {
    "once/testing.h": "tests/testkit/testing.h",
    "once/blob_store.h": "processor/claim_check/blob_store.h",
    "once/claim_check.h": "processor/claim_check/claim_check.h",
    "once/cloud_events.h": "processor/schema/cloud_events.h",
    "once/in_memory_blob_store.h": "processor/claim_check/in_memory_blob_store.h",
    "once/in_memory_schema_registry.h": "processor/schema/in_memory_schema_registry.h",
    "once/schema_avro.h": "processor/schema/schema_avro.h",
    "once/schema_formats.h": "processor/schema/schema_formats.h",
    "once/schema_registry.h": "processor/schema/schema_registry.h",
}
# Includes all of them.
ALL_PUBLIC = "processor/once.h"

# More for single files, by a pattern of their path: the one place that wires adapters, and tests beside what
# they test.
ALSO = (
    (re.compile(r"processor/app/(application|kafka_properties|kafka_client)\w*\.cc"), (LIBRDKAFKA, ROCKSDB)),
    (re.compile(r"examples/.*_test\.cc"), (TESTKIT,)),
    # In the simulator, and on a broker.
    (re.compile(r"examples/.*/(simulation|broker)_test\.cc"), (TESTS,)),
    (re.compile(r"tests/testkit/.*_test\.cc"), (TESTS,)),
    # Formats of topics, which others read as well.
    (re.compile(r"examples/order_totals/verifier_\w+\.(h|cc)"), ("proto",)),
)

# Nothing of ours but generated messages: a checker must not share a mistake with what it checks.
STANDS_ALONE = re.compile(r"examples/[^/]+/\w*(verifier|generator)\w*\.(h|cc)")

# Headers of these libraries are for these files only.
LIBRARIES = (
    ("librdkafka", re.compile(r"(librdkafka/)?rdkafka(cpp|_mock)?\.h"),
     re.compile(r"processor/kafka/librdkafka/|bench/|tests/(integration|support|kafka|chaos|fidelity)/"
                r"|examples/[^/]+/\w*(verifier|generator)\w*\.(h|cc)")),
    ("RocksDB", re.compile(r"rocksdb/.*"), re.compile(r"state/rocksdb/")),
    ("absl::Mutex (use processor/base/mutex.h)", re.compile(r"absl/synchronization/mutex\.h"), re.compile(r"$^")),
)

# The engine is a function of its events: whatever makes two runs differ is given to it from outside.
ENGINE_INCLUDES = re.compile(
    r"thread|mutex|condition_variable|chrono|future|fstream|filesystem|unistd\.h|time\.h|ctime"
    r"|absl/(synchronization|random)/.*|absl/time/clock\.h|processor/base/mutex\.h")
ENGINE_WORDS = re.compile(r"\b(random_device|absl::Now|sleep_for|SleepFor|usleep|gettimeofday|clock_gettime)\b")


def layer_of(path):
    directory = os.path.dirname(path)
    while directory and directory not in LAYERS:
        directory = os.path.dirname(directory)
    return directory or None


def project_path(header):
    """The path in the tree of one of our headers, or None for a header of somebody else."""
    if header.startswith("once/v1/"):
        return "proto/" + header
    if header in PUBLIC_ELSEWHERE:
        return PUBLIC_ELSEWHERE[header]
    if header.startswith("once/"):
        return "processor/" + header[len("once/"):]
    return header if layer_of(header) and "/" in header else None


def allowed_layers(path, layer):
    allowed = set(LAYERS[layer]) | {layer}
    for pattern, more in ALSO:
        if pattern.fullmatch(path):
            allowed |= set(more)
    return allowed


def _check_own_header(path, layer, header):
    target = project_path(header)
    if target is None:
        return None
    target_layer = layer_of(target)
    # Formats that others read as well are no code of the processor's.
    is_format = header.startswith("once/v1/")
    if STANDS_ALONE.fullmatch(path) and target_layer != EXAMPLES and not is_format and not path.endswith("_test.cc"):
        return 'includes "%s", but stands alone: it shares no code with what it feeds or checks' % header
    if target_layer not in allowed_layers(path, layer):
        return 'includes "%s": %s must not know %s' % (header, layer, target_layer)
    if layer == EXAMPLES and header.startswith("processor/"):
        return 'includes "%s": users write "once/..."' % header
    return None


def _check_library(path, header):
    for name, pattern, where in LIBRARIES:
        if pattern.fullmatch(header) and not where.match(path):
            return "includes <%s>: %s is not for this file" % (header, name)
    return None


def _check_facade(root):
    """The facade is headers, and one of them has all the others."""
    public = []
    for path in source_tree.find(root, source_tree.SOURCE_SUFFIXES):
        if os.path.dirname(path) != FACADE:
            continue
        if path.endswith(".h"):
            public.append(path)
        else:
            yield "layer", path, 1, "is no header: processor/ has what users include, and what implements it has a room"
    if ALL_PUBLIC not in public:
        return
    included = {project_path(header) for _, header in source_tree.includes(source_tree.read(root, ALL_PUBLIC))}
    for path in public:
        if path != ALL_PUBLIC and path not in included:
            yield "layer", ALL_PUBLIC, 1, 'lacks "%s": it includes all headers for users' % path


def check(root):
    """Yields (rule, path, line, message) for each breach."""
    yield from _check_facade(root)
    for path in source_tree.find(root, source_tree.SOURCE_SUFFIXES):
        text = source_tree.read(root, path)
        layer = layer_of(path)
        if layer is None:
            yield "layer", path, 1, "is in no layer: give its directory a place in tests/style/layering.py"
            continue
        for line, header in source_tree.includes(text):
            message = _check_own_header(path, layer, header) or _check_library(path, header)
            if message is None and layer == ENGINE and ENGINE_INCLUDES.fullmatch(header):
                message = "includes <%s>: the engine has no threads, clock, randomness or files of its own" % header
            if message is not None:
                yield "layer", path, line, message
        if layer == ENGINE:
            code = source_tree.code_only(text)
            for match in ENGINE_WORDS.finditer(code):
                line = code.count("\n", 0, match.start()) + 1
                yield "layer", path, line, "uses %s: the engine gets time and randomness from outside" % match.group(0)
