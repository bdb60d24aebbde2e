"""A mutant: the simulator with one deliberate bug in the engine."""

load("@rules_cc//cc:defs.bzl", "cc_binary")
load("//third_party:copts.bzl", "ONCE_TEST_COPTS")

def once_mutant(name, source):
    """Makes the binary NAME: the simulator with NAME.patch applied to a copy of one source file.

    The copy's symbols come first, so the linker has no use for the archive's member that was made of the original.
    """
    package, _, file = source.rpartition("/")
    native.genrule(
        name = name + "_source",
        srcs = [
            "//%s:%s" % (package, file),
            name + ".patch",
        ],
        outs = [name + ".cc"],
        cmd = "cat $(location //%s:%s) >$@ && patch --quiet --fuzz=0 --no-backup-if-mismatch $@ $(location %s.patch)" %
              (package, file, name),
        tags = ["manual"],
    )
    cc_binary(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        # There are two hundred, and most run for a second. What a bug leaves unused is no concern.
        copts = ONCE_TEST_COPTS + ["-w"],
        tags = ["manual"],
        deps = [
            "//processor/engine",
            "//processor/runtime",
            "//proto/once/v1:changelog_cc_proto",
            "//proto/once/v1:control_cc_proto",
            "//state",
            "//tests/sim:main",
            "//third_party:absl",
            "//third_party:xxhash",
        ],
    )
