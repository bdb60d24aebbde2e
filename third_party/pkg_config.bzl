"""System libraries as cc_library targets, found by pkg-config.

    pkg_config_repository(name = "system_rdkafka", packages = ["rdkafka"])

defines @once_rdkafka//:lib. PKG_CONFIG_PATH is honoured, so that
`PKG_CONFIG_PATH=/opt/rdkafka/lib/pkgconfig bazel build ...` uses the library there: its headers go before the
system's, and binaries carry its directory as their run path.

    librdkafka_repository(name = "system_rdkafka")

is the same of the one that setup/librdkafka has built (~/.cache/once/librdkafka), if there is one and PKG_CONFIG_PATH
names no other. ONCE_LIBRDKAFKA=system, in the environment or by --repo_env, stands for the distribution's,
ONCE_LIBRDKAFKA=/DIRECTORY for the one that is installed there.
"""

# The compiler and the linker look here by themselves.
_SYSTEM_INCLUDE_DIRS = ["/usr/include", "/usr/local/include"]

def _is_system_library_dir(path):
    return path in ["/lib", "/usr/lib"] or path.startswith("/usr/lib/x86_64-") or path.startswith("/usr/lib/aarch64-")

def _run_pkg_config(repository_ctx, pkg_config, what, environment):
    packages = repository_ctx.attr.packages
    result = repository_ctx.execute([pkg_config] + what + packages, environment = environment)
    if result.return_code != 0:
        fail("pkg-config does not know all of %s: run setup/install, or point PKG_CONFIG_PATH at them.\n%s" %
             (" ".join(packages), result.stderr))
    return [word for word in result.stdout.replace("\n", " ").split(" ") if word]

def _define_library(repository_ctx, environment):
    pkg_config = repository_ctx.which("pkg-config")
    if pkg_config == None:
        fail("pkg-config is not installed: run setup/install.")

    defines = []
    includes = []
    for flag in _run_pkg_config(repository_ctx, pkg_config, ["--cflags"], environment):
        if flag.startswith("-D"):
            defines.append(flag[2:])
        elif flag.startswith("-I") and flag[2:] not in _SYSTEM_INCLUDE_DIRS:
            link = "include%d" % len(includes)
            repository_ctx.symlink(flag[2:], link)
            includes.append(link)

    linkopts = []
    for flag in _run_pkg_config(repository_ctx, pkg_config, ["--libs"], environment):
        if flag.startswith("-L"):
            if not _is_system_library_dir(flag[2:]):
                linkopts += [flag, "-Wl,-rpath," + flag[2:]]
        else:
            linkopts.append(flag)

    repository_ctx.file("BUILD.bazel", """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "lib",
    hdrs = glob([pattern + "/**" for pattern in %s], allow_empty = True),
    defines = %s,
    includes = %s,
    linkopts = %s,
    visibility = ["//visibility:public"],
)
""" % (repr(includes), repr(defines), repr(includes), repr(linkopts)))

def _pkg_config_repository_impl(repository_ctx):
    _define_library(repository_ctx, {})

def _librdkafka_repository_impl(repository_ctx):
    environ = repository_ctx.os.environ
    search = environ.get("PKG_CONFIG_PATH", "")
    chosen = environ.get("ONCE_LIBRDKAFKA", "")
    directory = None
    if chosen and chosen != "system":
        directory = repository_ctx.path(chosen + "/lib/pkgconfig")
        if not directory.get_child("rdkafka.pc").exists:
            fail("ONCE_LIBRDKAFKA: there is no %s/rdkafka.pc; unset it, or set it to \"system\"." % directory)
    elif not chosen:
        cache = environ.get("XDG_CACHE_HOME") or environ.get("HOME", "/nonexistent") + "/.cache"
        built = repository_ctx.path(cache + "/once/librdkafka/lib/pkgconfig")
        named = [each for each in search.split(":") if each and repository_ctx.path(each + "/rdkafka.pc").exists]
        if not named and built.get_child("rdkafka.pc").exists:
            directory = built
    if directory:
        search = str(directory) + (":" + search if search else "")
    _define_library(repository_ctx, {"PKG_CONFIG_PATH": search})

pkg_config_repository = repository_rule(
    implementation = _pkg_config_repository_impl,
    attrs = {"packages": attr.string_list(mandatory = True)},
    environ = ["PKG_CONFIG_PATH"],
    local = True,
)

librdkafka_repository = repository_rule(
    implementation = _librdkafka_repository_impl,
    attrs = {"packages": attr.string_list(default = ["rdkafka"])},
    environ = [
        "HOME",
        "ONCE_LIBRDKAFKA",
        "PKG_CONFIG_PATH",
        "XDG_CACHE_HOME",
    ],
    local = True,
)
