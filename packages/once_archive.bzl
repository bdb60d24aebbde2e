"""All of Once in one archive, and what an installation needs to know beside it."""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _is_ours(ctx, label):
    return label.workspace_name == ctx.label.workspace_name

def _linker_inputs(deps):
    """What the targets are linked with, each library once, in the order of linking."""
    return depset(
        transitive = [dep[CcInfo].linking_context.linker_inputs for dep in deps],
        order = "topological",
    ).to_list()

def _archives(ctx, inputs):
    found = []
    for each in inputs:
        if _is_ours(ctx, each.owner):
            for library in each.libraries:
                # Position-independent: it goes into a shared library as well.
                archive = library.pic_static_library or library.static_library
                if archive and archive not in found:
                    found.append(archive)
    return found

def _flag_lines(ctx, inputs):
    """A line for each library of others: its repository, then its flags, tabs between them."""
    lines = []
    for each in inputs:
        if not _is_ours(ctx, each.owner) and each.user_link_flags:
            line = "\t".join([each.owner.workspace_name] + each.user_link_flags)
            if line not in lines:
                lines.append(line)
    return lines

def _included_as(header):
    """What an #include calls the header."""
    parts = header.path.split("/_virtual_includes/")
    if len(parts) == 2:
        return parts[1][parts[1].index("/") + 1:]
    return header.short_path

def _once_archive_impl(ctx):
    inputs = _linker_inputs(ctx.attr.deps)
    elsewhere = _archives(ctx, _linker_inputs(ctx.attr.without))
    archives = [archive for archive in _archives(ctx, inputs) if archive not in elsewhere]
    headers = [
        header
        for header in depset(transitive = [dep[CcInfo].compilation_context.headers for dep in ctx.attr.deps]).to_list()
        if header.owner and _is_ours(ctx, header.owner)
    ]

    archive = ctx.actions.declare_file("lib%s.a" % ctx.label.name)
    script = ["create %s" % archive.path] + ["addlib %s" % each.path for each in archives] + ["save", "end"]
    ctx.actions.run_shell(
        outputs = [archive],
        inputs = depset(archives, transitive = [find_cpp_toolchain(ctx).all_files]),
        command = "printf '%%s\\n' \"$@\" | %s -M" % find_cpp_toolchain(ctx).ar_executable,
        arguments = script,
        mnemonic = "OnceArchive",
    )
    header_list = ctx.actions.declare_file(ctx.label.name + ".headers")
    ctx.actions.write(header_list, "".join(["%s\t%s\n" % (_included_as(each), each.path) for each in headers]))
    flags = ctx.actions.declare_file(ctx.label.name + ".link_flags")
    ctx.actions.write(flags, "".join([line + "\n" for line in _flag_lines(ctx, inputs)]))
    return [DefaultInfo(files = depset([archive, header_list, flags] + headers))]

# libNAME.a has what `deps` are linked with of this repository, but for what is in `without`. NAME.headers has a line for
# each of its headers: what an #include calls it, a tab, where it is. NAME.link_flags: see _flag_lines.
once_archive = rule(
    implementation = _once_archive_impl,
    attrs = {
        "deps": attr.label_list(mandatory = True, providers = [CcInfo]),
        "without": attr.label_list(providers = [CcInfo]),
        "_cc_toolchain": attr.label(default = Label("@bazel_tools//tools/cpp:current_cc_toolchain")),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
