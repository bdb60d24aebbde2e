"""./install, and what CMake and pkg-config make of it: examples/own_workspace built by CMake, run against the broker."""

import concurrent.futures
import os
import re
import shutil
import subprocess

import applications
from applications import TREE, expect

LIBRARIES = ("libonce.a", "libonce.so", "libonce.so.1", "libonce_schemas.a", "libonce_claim_check.a",
             "libonce_testing.a",
             "cmake/once/once-config.cmake", "cmake/once/once-config-version.cmake", "pkgconfig/once.pc",
             "pkgconfig/once-schemas.pc", "pkgconfig/once-claim-check.pc", "pkgconfig/once-testing.pc")
# Asks a registry that is not there, by each format.
SCHEMAS_PROGRAM = """
#include "google/protobuf/struct.pb.h"
#include "once/cloud_events.h"
#include "once/schema_avro.h"
#include "once/schema_formats.h"
#include "once/schema_registry.h"
int main() {
  using T = google::protobuf::Value;
  const auto registry = *once::ConnectSchemaRegistry({.url = "http://127.0.0.1:1"});
  for (const once::Format<T>& format : {once::RegistryProtobuf<T>(registry), once::RegistryJson<T>(registry),
                                        once::RegistryAvro<T>(registry)}) {
    if (!absl::IsUnavailable(format->NewEncoder("topic")->CheckAtStart())) return 1;
  }
  return once::CloudEvents<T>({.source = "/s"})->NewEncoder("topic")->CheckAtStart().ok() ? 0 : 1;
}
"""
# Asks a store that is not there.
CLAIM_CHECK_PROGRAM = """
#include "once/blob_store.h"
#include "once/claim_check.h"
int main() {
  once::S3Options s3{.endpoint = "http://127.0.0.1:1", .bucket = "claims"};
  s3.credentials = [] { return once::AwsCredentials{.access_key_id = "a", .secret_access_key = "b"}; };
  const auto store = once::OpenBlobStore({.s3 = s3});
  return absl::IsUnavailable(once::ClaimCheck<once::Bytes>(*store)->NewEncoder("topic")->CheckAtStart()) ? 0 : 1;
}
"""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_refusals(work):
    for options, expected in ((["--prefix=relative"], "absolute"), ([], "--prefix=DIR is missing"),
                              (["--prefix=/proc/once"], "cannot be written"), (["--prefix=/x", "--what"], "unknown option")):
        output = applications.run([os.path.join(TREE, "install")] + options, work, expected_code=1)
        expect(expected in output, "./install %s does not say '%s': %s" % (" ".join(options), expected, output))


def check_files(prefix):
    for name in LIBRARIES:
        expect(os.path.exists(os.path.join(prefix, "lib", name)), "lib/%s is not installed" % name)
    include = os.path.join(prefix, "include")
    expect(os.listdir(include) == ["once"], "include/ has more than once/: %s" % os.listdir(include))
    expect(os.path.exists(os.path.join(prefix, "share/once/proto/once/v1/changelog.proto")), "no proto files")
    described = read_descriptors(os.path.join(prefix, "share/once/once.protoset"))
    expect("once/v1/changelog.proto" in described, "the descriptors lack changelog.proto")


def read_descriptors(path):
    with open(path, "rb") as file:
        return subprocess.run(["protoc", "--decode_raw"], stdin=file, stdout=subprocess.PIPE, check=True).stdout.decode()


def check_each_public_header(work, prefix):
    """Each compiles by itself, without any flag but the language's and where it is."""
    flags = applications.run(["pkg-config", "--cflags", "once"], env=pkg_config_path(prefix)).split()
    headers = sorted(name for name in os.listdir(os.path.join(prefix, "include/once")) if name.endswith(".h"))
    expect({"topology.h", "main.h", "testing.h", "application.h"} <= set(headers), "public headers are missing: %s" % headers)
    command = ["c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"] + flags

    def check(name):
        source = os.path.join(work, name + ".alone.cc")
        with open(source, "w", encoding="utf-8") as file:
            file.write('#include "once/%s"\n' % name)
        applications.run(command + [source])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(check, headers))


def pkg_config_path(prefix):
    return {"PKG_CONFIG_PATH": os.path.join(prefix, "lib/pkgconfig")}


def build_with_cmake(work, prefix, source):
    build = os.path.join(work, "build")
    applications.run(["cmake", "-S", source, "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix])
    applications.run(["cmake", "--build", build, "-j2"])
    applications.run(["ctest", "--test-dir", build, "--output-on-failure"])
    return build


def check_loaded_libraries(program, prefix):
    """All is found without LD_LIBRARY_PATH, and the librdkafka is the one that the library was built with."""
    loaded = applications.run(["ldd", program])
    expect("not found" not in loaded, "libraries are missing:\n" + loaded)
    if os.path.exists(os.path.join(prefix, "lib/once/librdkafka.so.1")):
        expect(re.search(r"librdkafka\.so\.1 => %s/\S*once/librdkafka" % re.escape(os.path.realpath(prefix)), loaded),
               "another librdkafka is loaded than the installed one:\n" + loaded)
    version = applications.run([program, "--version"])
    expect("tcmalloc" in version, "the program does not allocate with tcmalloc: " + version)


def build_with_pkg_config(work, prefix, source, static):
    """By hand, as a Makefile does."""
    directory = os.path.join(work, "by-hand-static" if static else "by-hand")
    os.makedirs(directory)
    applications.run(["protoc", "--cpp_out=" + directory, "-I", source, "page_counter.proto"])
    env = pkg_config_path(prefix)
    compile_flags = applications.run(["pkg-config", "--cflags", "once"], env=env).split()
    link_flags = applications.run(["pkg-config", "--libs"] + (["--static"] if static else []) + ["once"], env=env).split()
    if static:
        link_flags = ["-l:libonce.a" if flag == "-lonce" else flag for flag in link_flags]
    program = os.path.join(directory, "page_counter")
    sources = [os.path.join(source, "main.cc"), os.path.join(source, "topology.cc"),
               os.path.join(directory, "page_counter.pb.cc")]
    applications.run(["c++", "-std=c++20", "-O1", "-I", directory, "-I", source] + compile_flags + sources +
                     ["-o", program, "-Wl,-rpath," + os.path.join(prefix, "lib")] + link_flags)
    check_loaded_libraries(program, prefix)
    return program


def check_library(work, prefix, package, text, needs):
    """Who links a library beside Once gets what it needs; who does not needs none of that."""
    env = pkg_config_path(prefix)
    source, program = os.path.join(work, package + ".cc"), os.path.join(work, package)
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    flags = [applications.run(["pkg-config", what, package], env=env).split() for what in ("--cflags", "--libs")]
    expect(needs in flags[1], "%s is linked without %s" % (package, needs))
    applications.run(["c++", "-std=c++20"] + flags[0] + [source, "-o", program, "-Wl,-rpath," + os.path.join(prefix, "lib")] +
                     flags[1])
    applications.run([program])


def test(work, bazel):
    check_refusals(work)
    prefix = os.path.join(work, "prefix")
    applications.run([os.path.join(TREE, "install"), "--prefix=" + prefix, "--no-setup"], env=bazel.env)
    check_files(prefix)
    check_each_public_header(work, prefix)
    expect("-lavro" not in applications.run(["pkg-config", "--libs", "--static", "once"], env=pkg_config_path(prefix)),
           "once needs Avro")
    check_library(work, prefix, "once-schemas", SCHEMAS_PROGRAM, "-lavro")
    check_library(work, prefix, "once-claim-check", CLAIM_CHECK_PROGRAM, "-lcurl")
    # Outside of the tree: nothing in it is found by chance.
    source = os.path.join(work, "page_counter")
    shutil.copytree(os.path.join(TREE, "examples", "own_workspace"), source)
    build = build_with_cmake(work, prefix, source)
    check_loaded_libraries(os.path.join(build, "page_counter"), prefix)
    applications.Run(os.path.join(build, "page_counter"), work).check()
    build_with_pkg_config(work, prefix, source, static=False)
    applications.run([build_with_pkg_config(work, prefix, source, static=True), "--print_topology"])
    check_moved(work, prefix)


def check_moved(work, prefix):
    """CMake's files name no place: a prefix that is packed up and unpacked elsewhere serves as well."""
    moved = os.path.join(work, "moved")
    os.rename(prefix, moved)
    config = read(os.path.join(moved, "lib/cmake/once/once-config.cmake"))
    expect(prefix not in config, "once-config.cmake names the prefix")
    applications.run(["cmake", "-S", os.path.join(work, "page_counter"), "-B", os.path.join(work, "build-moved"),
                      "-DCMAKE_PREFIX_PATH=" + moved])


if __name__ == "__main__":
    applications.run_main(test)
