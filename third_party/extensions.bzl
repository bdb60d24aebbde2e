"""For MODULE.bazel, which see: the libraries that are no modules."""

load("//:deps.bzl", "once_library")

def _once_impl(_module_ctx):
    once_library("absl", "@com_google_absl")
    for library in ["avro", "benchmark", "cli11", "crypto", "curl", "gtest", "gtest_main", "json", "microhttpd", "prometheus", "rdkafka", "rocksdb", "spdlog", "tcmalloc", "xxhash"]:
        once_library(library)

once = module_extension(implementation = _once_impl)
