"""A workspace of one's own, as README's "Your own application" has it: a copy of examples/own_workspace outside of the tree.

It has no .bazelrc, no option on the command line, and no more in its WORKSPACE than the macro.
"""

import os
import re
import shutil

import applications
from applications import TREE, expect

WORKSPACE_WITH_OWN_LIBRARIES = """
workspace(name = "page_counter")

local_repository(name = "once", path = "%s")

# Libraries of their own, under names of their own.
new_local_repository(
    name = "my_libraries",
    path = "/usr",
    build_file_content = '''
load("@rules_cc//cc:defs.bzl", "cc_library")

package(default_visibility = ["//visibility:public"])

cc_library(name = "rdkafka", linkopts = ["-lrdkafka"], defines = ["MY_RDKAFKA"])
cc_library(name = "rocksdb", linkopts = ["-lrocksdb"], defines = ["MY_ROCKSDB"])
cc_library(name = "absl", linkopts = [%s], defines = ["MY_ABSL"])
''',
)

new_local_repository(
    name = "com_google_protobuf",
    path = "/usr",
    build_file = "@//:protobuf.BUILD",
)

load("@once//:deps.bzl", "once_dependencies")

once_dependencies(
    absl = "@my_libraries//:absl",
    rdkafka = "@my_libraries//:rdkafka",
    rocksdb = ["@my_libraries//:rocksdb"],
)
"""

# Compiles only if what the application depends on brings the libraries above.
PROOF = """
#if !defined(MY_ABSL) || !defined(MY_RDKAFKA) || !defined(MY_ROCKSDB) || !defined(MY_PROTOBUF)
#error one of our libraries is not the one that we named
#endif
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def copy_example(to, workspace=None):
    shutil.copytree(os.path.join(TREE, "examples", "own_workspace"), to, ignore=shutil.ignore_patterns(".bazelrc"))
    path = os.path.join(to, "WORKSPACE")
    text = read(path)
    expect('path = "../.."' in text, "the example's WORKSPACE does not say where Once is")
    write(path, workspace or text.replace("../..", TREE))


def check_as_it_is(work, bazel):
    directory = os.path.join(work, "page_counter")
    copy_example(directory)
    bazel.build("test", directory, "-c", "opt", "//...")
    bazel.build("build", directory, "-c", "opt", "//:page_counter")
    program = os.path.join(directory, "bazel-bin", "page_counter")
    version = applications.run([program, "--version"])
    expect("tcmalloc" in version, "the program does not allocate with tcmalloc: " + version)
    applications.Run(program, work).check()
    return directory


def check_own_libraries(work, bazel):
    """Analysed, and the one file that shows which libraries are there compiled: the rest compiles as above."""
    directory = os.path.join(work, "own_libraries")
    libs = applications.run(["pkg-config", "--libs", "absl_status", "absl_flat_hash_map", "absl_random_random"]).split()
    copy_example(directory, WORKSPACE_WITH_OWN_LIBRARIES % (TREE, ", ".join('"%s"' % lib for lib in libs)))
    protobuf = read(os.path.join(TREE, "third_party", "protobuf.BUILD"))
    write(os.path.join(directory, "protobuf.BUILD"),
          protobuf.replace('name = "protobuf",', 'name = "protobuf",\n    defines = ["MY_PROTOBUF"],'))
    write(os.path.join(directory, "proof.cc"), PROOF)
    build_file = os.path.join(directory, "BUILD.bazel")
    write(build_file, read(build_file) + '\ncc_library(name = "proof", srcs = ["proof.cc"], deps = ["@once//third_party:absl",'
          '"@once//third_party:rdkafka", "@once//third_party:rocksdb", "@once//third_party:protobuf"])\n')
    bazel.build("build", directory, "//:proof")
    bazel.build("build", directory, "--nobuild", "//...")
    # They reach every target of Once.
    flags = bazel.run("aquery", directory, 'mnemonic("CppCompile", @once//state/rocksdb)')
    expect("-DMY_ROCKSDB" in flags and "-DMY_ABSL" in flags, "Once's own targets are built with other libraries")


def check_options(bazel, directory):
    """C++20 is the targets' own; a warning of ours fails no build of others."""
    for target in ("@once//processor/topology", "@once//state/rocksdb", "@once//tests/testkit:driver", "@once//processor/app:main"):
        flags = bazel.run("aquery", directory, 'mnemonic("CppCompile", %s)' % target)
        expect("-std=c++20" in flags, "%s is compiled without -std=c++20" % target)
        expect("-Werror" not in flags, "%s is compiled with -Werror in another's workspace" % target)


def test(work, bazel):
    directory = check_as_it_is(work, bazel)
    check_options(bazel, directory)
    check_own_libraries(work, bazel)
    # What the README shows is what was built.
    readme = re.sub(r"/where/once/is", "../..", read(os.path.join(TREE, "README.md")))
    for line in read(os.path.join(TREE, "examples", "own_workspace", "WORKSPACE")).splitlines():
        expect(line in readme.splitlines(), "README.md lacks the line of the example's WORKSPACE: " + line)


if __name__ == "__main__":
    applications.run_main(test)
