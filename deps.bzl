"""All that Once needs, for the WORKSPACE of an application:

    local_repository(name = "once", path = "/where/once/is")    # or an http_archive

    load("@once//:deps.bzl", "once_dependencies")

    once_dependencies()

Libraries and rules come from Debian's packages (setup/install lists them): nothing is fetched. What a WORKSPACE has
already under a name that is used here (rules_cc, rules_java, rules_proto, bazel_skylib, platforms, com_google_protobuf)
stays, and is used. A library of your own is an argument:

    once_dependencies(
        absl = "@com_google_absl",                  # Abseil's own repository, under whatever name
        rocksdb = "@rocksdb//:rocksdb",
        rdkafka = "@your_workspace//third_party:librdkafka",
    )

An argument is a label, or a list of them, that begins with a repository; `once_dependencies` makes one library of them.
"""

load("//third_party:pkg_config.bzl", "librdkafka_repository", "pkg_config_repository")
load("//third_party:repositories.bzl", "files_repository", "library_repository")

# What is used of Abseil: its name for pkg-config, and its label in Abseil's repository.
_ABSL = {
    "absl_any_invocable": "functional:any_invocable",
    "absl_base": "base",
    "absl_bits": "numeric:bits",
    "absl_btree": "container:btree",
    "absl_cleanup": "cleanup",
    "absl_cord": "strings:cord",
    "absl_core_headers": "base:core_headers",
    "absl_fixed_array": "container:fixed_array",
    "absl_flat_hash_map": "container:flat_hash_map",
    "absl_flat_hash_set": "container:flat_hash_set",
    "absl_function_ref": "functional:function_ref",
    "absl_hash": "hash",
    "absl_inlined_vector": "container:inlined_vector",
    "absl_int128": "numeric:int128",
    "absl_node_hash_map": "container:node_hash_map",
    "absl_random_random": "random",
    "absl_span": "types:span",
    "absl_stacktrace": "debugging:stacktrace",
    "absl_status": "status",
    "absl_statusor": "status:statusor",
    "absl_str_format": "strings:str_format",
    "absl_strings": "strings",
    "absl_symbolize": "debugging:symbolize",
    "absl_synchronization": "synchronization",
    "absl_time": "time",
}

# What the system has of the others: names for pkg-config.
_SYSTEM = {
    "absl": sorted(_ABSL.keys()),
    "avro": ["avro-c"],
    "benchmark": ["benchmark"],
    "cli11": ["CLI11"],
    "crypto": ["libcrypto"],
    "curl": ["libcurl"],
    "gtest": ["gmock", "gtest"],
    "gtest_main": ["gmock_main"],
    "json": ["nlohmann_json"],
    "microhttpd": ["libmicrohttpd"],
    "prometheus": ["prometheus-cpp-core"],
    "rocksdb": ["rocksdb"],
    "spdlog": ["spdlog"],
    "tcmalloc": ["libtcmalloc_minimal"],
    "xxhash": ["libxxhash"],
}

# Debian's packages of Bazel's rules. Its bazel-rules-cc needs a newer Bazel than its own: third_party/rules_cc stands in.
_RULES = {
    "bazel_skylib": "/usr/share/bazel/tools/skylib",
    "platforms": "/usr/share/bazel/tools/platforms",
    "rules_java": "/usr/share/bazel/rules/java",
    "rules_proto": "/usr/share/bazel/rules/proto",
}

def _labels(library, own):
    """The labels that an argument of once_dependencies names."""
    labels = own if type(own) == type([]) else [own]
    if library == "absl" and len(labels) == 1 and "//" not in labels[0]:
        return ["%s//absl/%s" % (labels[0], label) for label in sorted(_ABSL.values())]
    return labels

def once_library(library, own = None):
    """Declares @once_LIBRARY: what `own` names, or the system's."""
    name = "once_" + library
    if own:
        library_repository(name = name, deps = _labels(library, own))
    elif library == "rdkafka":
        # The one that setup/librdkafka has built, unless ONCE_LIBRDKAFKA=system.
        librdkafka_repository(name = name)
    else:
        pkg_config_repository(name = name, packages = _SYSTEM[library])

def _library(library, own):
    if not native.existing_rule("once_" + library):
        once_library(library, own)

def _rules():
    for name, path in _RULES.items():
        if not native.existing_rule(name):
            native.local_repository(name = name, path = path)
    if not native.existing_rule("rules_cc"):
        files_repository(
            name = "rules_cc",
            files = {
                Label("//third_party/rules_cc:BUILD.bazel"): "BUILD.bazel",
                Label("//third_party/rules_cc/cc:BUILD.bazel"): "cc/BUILD.bazel",
                Label("//third_party/rules_cc/cc:defs.bzl"): "cc/defs.bzl",
            },
        )

    # Bazel's test rules name it; nothing here collects coverage.
    if not native.existing_rule("remote_coverage_tools"):
        files_repository(
            name = "remote_coverage_tools",
            files = {Label("//third_party/remote_coverage_tools:BUILD.bazel"): "BUILD.bazel"},
        )
    if not native.existing_rule("com_google_protobuf"):
        native.new_local_repository(
            name = "com_google_protobuf",
            build_file = str(Label("//third_party:protobuf.BUILD")),
            path = "/usr",
        )

def once_dependencies(
        absl = None,
        avro = None,
        benchmark = None,
        cli11 = None,
        crypto = None,
        curl = None,
        gtest = None,
        gtest_main = None,
        json = None,
        microhttpd = None,
        prometheus = None,
        rdkafka = None,
        rocksdb = None,
        spdlog = None,
        tcmalloc = None,
        xxhash = None):
    """Declares what Once is built with, each unless it is there already.

    Args:
      absl: Abseil: a label, several, or the name of Abseil's own repository, as "@com_google_absl".
      avro: Avro C 1.11 or newer; only @once//:schemas needs it, and valijson's headers beside it.
      benchmark: Google Benchmark; only Once's own measurements need it.
      cli11: CLI11; only Once's own tools need it.
      crypto: OpenSSL's libcrypto 3.0 or newer.
      curl: libcurl 7.88 or newer.
      gtest: GoogleTest with GoogleMock; only tests need it.
      gtest_main: their main function.
      json: nlohmann_json 3.11 or newer.
      microhttpd: GNU libmicrohttpd 0.9.75 or newer.
      prometheus: the core of prometheus-cpp 1.0 or newer.
      rdkafka: librdkafka 2.0.2 or newer, the C library, with transactions.
      rocksdb: RocksDB 7.8 or newer.
      spdlog: spdlog 1.10 or newer.
      tcmalloc: what programs allocate with; --define=once_allocator=system does without.
      xxhash: xxHash 0.8 or newer.
    """
    _rules()
    _library("absl", absl)
    _library("avro", avro)
    _library("benchmark", benchmark)
    _library("cli11", cli11)
    _library("crypto", crypto)
    _library("curl", curl)
    _library("gtest", gtest)
    _library("gtest_main", gtest_main)
    _library("json", json)
    _library("microhttpd", microhttpd)
    _library("prometheus", prometheus)
    _library("rdkafka", rdkafka)
    _library("rocksdb", rocksdb)
    _library("spdlog", spdlog)
    _library("tcmalloc", tcmalloc)
    _library("xxhash", xxhash)
