"""Repositories that stand for libraries and rules that lie elsewhere."""

def _library_repository_impl(repository_ctx):
    for label in repository_ctx.attr.deps:
        if not label.startswith("@"):
            fail("%s: the library of your own must begin with a repository, as @your_workspace//some:library does." % label)
    repository_ctx.file("BUILD.bazel", """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "lib",
    visibility = ["//visibility:public"],
    deps = %s,
)
""" % repr(repository_ctx.attr.deps))

# @NAME//:lib stands for `deps`, strings, since they are another repository's.
library_repository = repository_rule(
    implementation = _library_repository_impl,
    attrs = {"deps": attr.string_list(mandatory = True)},
)

def _files_repository_impl(repository_ctx):
    for label, path in repository_ctx.attr.files.items():
        repository_ctx.symlink(label, path)

# A repository of files of this one. A local_repository would need to know where this one lies.
files_repository = repository_rule(
    implementation = _files_repository_impl,
    attrs = {"files": attr.label_keyed_string_dict(mandatory = True)},
)
