"""Puts what Bazel has built into a directory for programs that do not use Bazel. Called by ./install.

  install.py --built=DIR --execution_root=DIR --prefix=DIR [--destdir=DIR] [--libdir=lib]

`--built` has what packages/BUILD.bazel makes; `--execution_root` is where the paths in its lists begin. Each file is written
beside its place and moved there, so that a program that starts meanwhile finds a whole one.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(HERE)
INCLUDE = re.compile(r'(?m)^([ \t]*#[ \t]*include[ \t]*)"([^"\n]+)"')
# Libraries that programs use by themselves, through our headers; the others are an implementation's.
PUBLIC = ("once_absl", "com_google_protobuf")
ALLOCATOR = "once_tcmalloc"
TESTS_ONLY = ("once_gtest", "once_gtest_main")
# What only libonce_schemas.a, and only libonce_claim_check.a, is linked with.
SCHEMAS_ONLY = ("once_avro", "once_curl")
CLAIM_CHECK_ONLY = ("once_curl", "once_crypto")


class InstallError(Exception):
    """Says what is wrong and what to do."""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def version():
    return re.search(r'kVersion\[\] = "([^"]+)"', read(os.path.join(TREE, "processor", "version.h"))).group(1)


class Headers:
    """The headers of users, and what these include, under include/once."""

    def __init__(self, root, lists):
        self._files = {}
        for path in lists:
            for line in read(path).splitlines():
                name, file = line.split("\t")
                self._files.setdefault(name, os.path.join(root, file))

    @staticmethod
    def installed_as(name):
        """An implementation's header gets a place where it collides with nobody's."""
        return name if name.startswith("once/") else "once/internal/" + name

    def _resolve(self, name):
        """The one name of a header: "processor/x.h" is what users call "once/x.h"."""
        if name.startswith("processor/") and "once/" + name[len("processor/"):] in self._files:
            return "once/" + name[len("processor/"):]
        return name if name in self._files else None

    def closure(self):
        """Names of what is to be installed: each public header, and what they include of ours."""
        wanted = [name for name in self._files if name.startswith("once/") and not name.startswith("once/v1/")]
        found = set()
        while wanted:
            name = wanted.pop()
            if name not in found:
                found.add(name)
                wanted += [self._resolve(other) for _, other in INCLUDE.findall(read(self._files[name]))
                           if self._resolve(other)]
        return sorted(found)

    def text(self, name):
        def included(match):
            target = self._resolve(match.group(2))
            return '%s"%s"' % (match.group(1), self.installed_as(target) if target else match.group(2))
        return INCLUDE.sub(included, read(self._files[name]))


def read_link_flags(path):
    """Returns {repository: its flags, in the order of linking}."""
    flags = {}
    for line in read(path).splitlines():
        repository, *words = line.split("\t")
        flags.setdefault(repository, []).extend(words)
    return flags


def is_run_path(flag):
    return flag.startswith("-Wl,-rpath,")


class Installation:
    """One prefix, possibly below another root."""

    def __init__(self, prefix, destdir, libdir):
        self.prefix, self.libdir = prefix, libdir
        self._root = destdir + prefix

    def path(self, *parts):
        return os.path.join(self._root, *parts)

    def put(self, path, write, mode=0o644):
        """`write` is called with the name of a file beside the place."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        beside = "%s.new-%d" % (path, os.getpid())
        try:
            write(beside)
            if not os.path.islink(beside):
                os.chmod(beside, mode)
            os.replace(beside, path)
        finally:
            if os.path.lexists(beside):
                os.remove(beside)

    def put_text(self, path, text):
        def write(name):
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        self.put(path, write)

    def put_file(self, path, source):
        self.put(path, lambda name: shutil.copyfile(source, name))

    def put_link(self, path, target):
        self.put(path, lambda name: os.symlink(target, name))


def fill(template, values):
    """Replaces each @name@."""
    return re.sub(r"@(\w+)@", lambda match: values[match.group(1)], read(os.path.join(HERE, template)))


def own_librdkafka(flags):
    """The librdkafka that setup/librdkafka has built, or nothing if it is the distribution's."""
    for flag in flags.get("once_rdkafka", []):
        candidate = os.path.join(flag[2:], "librdkafka.so.1")
        if flag.startswith("-L") and os.path.exists(candidate):
            return candidate
    return None


def link_shared_library(archive, flags, path):
    everything = [flag for each in flags.values() for flag in each if not is_run_path(flag)]
    command = ["c++", "-shared", "-o", path, "-Wl,-soname,libonce.so.1", "-Wl,--no-undefined", "-Wl,-z,relro,-z,now",
               "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive", "-Wl,--as-needed"] + everything
    if own_librdkafka(flags):
        # A run path, in the way of the newer tag, is not inherited by what the library needs; none of that is ours.
        command += ["-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/once"]
    subprocess.run(command, check=True)


def install_headers(to, built, execution_root):
    headers = Headers(execution_root, [os.path.join(built, name + ".headers")
                                       for name in ("once", "once_schemas", "once_claim_check", "once_testing")])
    names = headers.closure()
    if "once/topology.h" not in names:
        raise InstallError("the build names no header once/topology.h: is %s of this tree?" % built)
    shutil.rmtree(to.path("include", "once"), ignore_errors=True)
    for name in names:
        to.put_text(to.path("include", headers.installed_as(name)), headers.text(name))
    return len(names)


def install_libraries(to, built, flags):
    library = lambda *parts: to.path(to.libdir, *parts)
    to.put_file(library("libonce.a"), os.path.join(built, "libonce.a"))
    for name in ("libonce_schemas.a", "libonce_claim_check.a", "libonce_testing.a"):
        to.put_file(library(name), os.path.join(built, name))
    with tempfile.TemporaryDirectory() as work:
        shared = os.path.join(work, "libonce.so.1")
        link_shared_library(os.path.join(built, "libonce.a"), flags, shared)
        to.put_file(library("libonce.so.1"), shared)
    to.put_link(library("libonce.so"), "libonce.so.1")
    librdkafka = own_librdkafka(flags)
    if librdkafka:
        to.put_file(library("once", "librdkafka.so.1"), librdkafka)
        to.put_link(library("once", "librdkafka.so"), "librdkafka.so.1")
    else:
        shutil.rmtree(library("once"), ignore_errors=True)


def flags_of(names, flags):
    return [flag for name in names for flag in flags.get(name, []) if not is_run_path(flag)]


def install_build_files(to, flags, schema_flags, claim_check_flags):
    """What CMake and pkg-config read."""
    schemas = flags_of(SCHEMAS_ONLY, schema_flags)
    claim_check = flags_of(CLAIM_CHECK_ONLY, claim_check_flags)
    brought = own_librdkafka(flags) is not None
    public = [flag for name in PUBLIC for flag in flags.get(name, [])]
    private = [flag for name, each in flags.items() if name not in PUBLIC + (ALLOCATOR,) + TESTS_ONLY
               and not (brought and name == "once_rdkafka") for flag in each if not is_run_path(flag)]
    # Named outright, and needed by no symbol: a linker that leaves such libraries out must not.
    allocator = ["-Wl,--push-state,--no-as-needed,%s,--pop-state" % flag for flag in flags.get(ALLOCATOR, [])]
    cmake_dir = os.path.join(to.libdir, "cmake", "once")
    values = {
        "prefix": to.prefix,
        "libdir": to.libdir,
        "version": version(),
        "up_to_prefix": os.path.relpath(".", cmake_dir),
        "public_libraries": " ".join('"%s"' % flag for flag in public),
        "private_libraries": " ".join('"%s"' % flag for flag in private),
        "schemas_list": ";".join(schemas),
        "schemas_flags": " ".join(schemas),
        "claim_check_list": ";".join(claim_check),
        "claim_check_flags": " ".join(claim_check),
        "allocator": " ".join('"%s"' % flag for flag in allocator),
        "pkg_config_libs": " ".join((["-Wl,-rpath-link,${libdir}/once"] if brought else []) + public + allocator),
        "pkg_config_private_libs": " ".join(private + (["-L${libdir}/once -lrdkafka -Wl,-rpath,${libdir}/once"]
                                                       if brought else [])),
    }
    for name in ("once-config.cmake", "once-config-version.cmake"):
        to.put_text(to.path(cmake_dir, name), fill(name + ".in", values))
    for name in ("once.pc", "once-schemas.pc", "once-claim-check.pc", "once-testing.pc"):
        to.put_text(to.path(to.libdir, "pkgconfig", name), fill(name + ".in", values))


def install_protos(to):
    """The formats of internal records, for tools that read them: sources, and their descriptors in one file."""
    source = os.path.join(TREE, "proto")
    names = sorted(os.path.relpath(os.path.join(directory, file), source)
                   for directory, _, files in os.walk(source) for file in files if file.endswith(".proto"))
    for name in names:
        to.put_file(to.path("share", "once", "proto", name), os.path.join(source, name))
    to.put(to.path("share", "once", "once.protoset"), lambda path: subprocess.run(
        ["protoc", "--include_imports", "--descriptor_set_out=" + path, "-I", source] + names, check=True))


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--built", required=True)
    parser.add_argument("--execution_root", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--destdir", default="")
    parser.add_argument("--libdir", default="lib")
    options = parser.parse_args(arguments)
    to = Installation(options.prefix, options.destdir, options.libdir)
    try:
        flags = read_link_flags(os.path.join(options.built, "once.link_flags"))
        count = install_headers(to, options.built, options.execution_root)
        install_libraries(to, options.built, flags)
        install_build_files(to, flags, *(read_link_flags(os.path.join(options.built, name + ".link_flags"))
                                         for name in ("once_schemas", "once_claim_check")))
        install_protos(to)
    except (InstallError, OSError) as error:
        print("install.py: %s" % error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print("install.py: %s ended with code %d" % (error.cmd[0], error.returncode), file=sys.stderr)
        return 1
    print("%d headers, libonce.so.1 and libonce.a are below %s" % (count, to.path()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
