"""MODULE.bazel, tried with a Bazel that knows modules, without a registry: each module that it names is on the disk.

Those of Bazel's rules are Debian's packages; Abseil's and protobuf's are stand-ins that name the system's libraries under the
modules' labels. So what is tried is all that is Once's: its module, its extension, its targets in another's workspace. What
is not is whether the versions that MODULE.bazel names are to be had, and fit each other.
"""

import json
import os
import re
import subprocess

from fresh import HOME, TREE

MODULES = HOME + "/modules"
APPLICATION = HOME + "/page_counter"
PACKAGES = "apt-get install bazel-rules-cc"
# Of Debian's packages.
RULES = {
    "bazel_features": "tools/features",
    "bazel_skylib": "tools/skylib",
    "platforms": "tools/platforms",
    "rules_cc": "rules/cc",
    "rules_java": "rules/java",
    "rules_license": "rules/license",
    "rules_proto": "rules/proto",
}
PROTOBUF_NEEDS = 'bazel_dep(name = "rules_cc", version = "0.0.9")\nbazel_dep(name = "rules_proto", version = "5.3.0-21.7")\n'
PYTHON_NEEDS = 'bazel_dep(name = "bazel_skylib", version = "1.3.0")\nbazel_dep(name = "platforms", version = "0.0.4")\n'
# Bazel's own module names it; nothing here uses it.
BUILDOZER = """
def _repository_impl(repository_ctx):
    repository_ctx.file("BUILD.bazel", "")

_repository = repository_rule(implementation = _repository_impl)

def _impl(_module_ctx):
    _repository(name = "buildozer_binary")

buildozer_binary = module_extension(implementation = _impl)
"""
# What is different from the example's WORKSPACE.
MODULE = """module(name = "page_counter")

bazel_dep(name = "once", version = "0.1.0")
bazel_dep(name = "rules_cc", version = "0.0.9")
bazel_dep(name = "rules_proto", version = "5.3.0-21.7")

local_path_override(
    module_name = "once",
    path = "%s/once",
)
""" % HOME


def _add_module(root, name, needs=""):
    root.write("%s/%s/MODULE.bazel" % (MODULES, name), 'module(name = "%s")\n%s' % (name, needs))


def _add_absl(root):
    """Each label that deps.bzl has of Abseil's is what pkg-config says of the system's."""
    with open(os.path.join(TREE, "deps.bzl"), encoding="utf-8") as file:
        labels = re.findall(r'"(absl_\w+)": "(\w+)(?::(\w+))?"', file.read())
    packages = {}
    for library, package, name in labels:
        printed = subprocess.run(root.command(["pkg-config", "--libs", library], "/"), stdout=subprocess.PIPE, check=True, text=True)
        packages.setdefault(package, []).append(
            'cc_library(name = "%s", linkopts = %s, visibility = ["//visibility:public"])\n' %
            (name or package, json.dumps(printed.stdout.split())))
    _add_module(root, "abseil-cpp")
    for package, targets in packages.items():
        root.write("%s/abseil-cpp/absl/%s/BUILD.bazel" % (MODULES, package), "".join(targets))


def _add_protobuf(root):
    _add_module(root, "protobuf", PROTOBUF_NEEDS)
    with open(os.path.join(TREE, "third_party", "protobuf.BUILD"), encoding="utf-8") as file:
        root.write(MODULES + "/protobuf/BUILD.bazel", file.read())
    for name in ("bin", "include"):
        os.symlink("/usr/" + name, root.path + MODULES + "/protobuf/" + name)


def prepare(root):
    """Writes modules, and the application, whose .bazelrc says where they are."""
    _add_absl(root)
    _add_protobuf(root)
    for name in ("apple_support", "buildozer", "zlib"):
        _add_module(root, name)
    root.write(MODULES + "/buildozer/BUILD.bazel", "")
    root.write(MODULES + "/buildozer/buildozer_binary.bzl", BUILDOZER)
    # Debian's without what its own MODULE.bazel would fetch.
    root.add(root.path + "/usr/share/bazel/rules/python", MODULES + "/rules_python")
    _add_module(root, "rules_python", PYTHON_NEEDS)
    root.add(os.path.join(TREE, "examples", "own_workspace"), APPLICATION)
    for name in ("WORKSPACE", ".bazelrc"):
        os.remove(root.path + APPLICATION + "/" + name)
    root.write(APPLICATION + "/MODULE.bazel", MODULE)
    places = {name: "/usr/share/bazel/" + path for name, path in RULES.items()}
    places.update({name: MODULES + "/" + name for name in os.listdir(root.path + MODULES)})
    options = ["common --enable_bzlmod --noenable_workspace --lockfile_mode=off --registry=file://%s/none" % MODULES]
    options += ["common --override_module=%s=%s" % item for item in sorted(places.items())]
    root.write(APPLICATION + "/.bazelrc", "\n".join(options) + "\n")
