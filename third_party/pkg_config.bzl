"""Turns a system library that pkg-config knows into a cc_library.

With PKG_CONFIG_PATH set, another build of the library than the system's is taken, its run path included.
"""

def _run(ctx, arguments):
    result = ctx.execute(["pkg-config"] + arguments)
    if result.return_code != 0:
        fail("pkg-config {} failed: {}\nRun setup/install to get the missing package.".format(
            " ".join(arguments),
            result.stderr,
        ))
    return [flag for flag in result.stdout.strip().split(" ") if flag]

def _impl(ctx):
    packages = ctx.attr.packages
    includes = []
    copts = []
    for flag in _run(ctx, ["--cflags"] + packages):
        if flag.startswith("-I"):
            if flag[2:] != "/usr/include":
                includes.append(flag[2:])
        elif flag.startswith("-D"):
            copts.append(flag[2:])
    linkopts = []
    for flag in _run(ctx, ["--libs"] + packages):
        if flag in linkopts and flag.startswith("-l"):
            continue
        linkopts.append(flag)
        if flag.startswith("-L"):
            linkopts.append("-Wl,-rpath," + flag[2:])
    links = []
    for i, path in enumerate(includes):
        ctx.symlink(path, "include{}".format(i))
        links.append("include{}".format(i))
    ctx.file("BUILD.bazel", """
load("@rules_cc//cc:defs.bzl", "cc_library")
cc_library(
    name = "lib",
    hdrs = glob(["include*/**"], allow_empty = True),
    includes = {includes},
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
""".format(includes = links, defines = copts, linkopts = linkopts))

pkg_config_repository = repository_rule(
    implementation = _impl,
    attrs = {"packages": attr.string_list(mandatory = True)},
    environ = ["PKG_CONFIG_PATH"],
    local = True,
)
