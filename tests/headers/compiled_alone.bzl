"""Compiles each header by itself, as "once/NAME": it includes all that it needs, and may be included twice."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _compiled_alone_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    objects = []
    for header in ctx.files.headers:
        unit = ctx.actions.declare_file("%s/%s.cc" % (ctx.label.name, header.basename))
        ctx.actions.write(unit, "#include \"once/{0}\"\n#include \"once/{0}\"\n".format(header.basename))
        _, outputs = cc_common.compile(
            name = "%s_%s" % (ctx.label.name, header.basename),
            actions = ctx.actions,
            feature_configuration = features,
            cc_toolchain = toolchain,
            srcs = [unit],
            user_compile_flags = ctx.attr.copts,
            compilation_contexts = [dep[CcInfo].compilation_context for dep in ctx.attr.deps],
        )
        objects += outputs.pic_objects or outputs.objects
    return [DefaultInfo(
        files = depset(objects),
        runfiles = ctx.runfiles(files = objects),
    )]

# `headers` may be a filegroup of a glob, so that a new header is compiled without a line in a BUILD file.
compiled_alone = rule(
    implementation = _compiled_alone_impl,
    attrs = {
        "headers": attr.label_list(allow_files = [".h"], mandatory = True),
        "deps": attr.label_list(providers = [CcInfo]),
        "copts": attr.string_list(),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
