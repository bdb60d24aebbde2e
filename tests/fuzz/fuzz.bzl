"""A fuzz target, in its forms."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_test")
load("//third_party:copts.bzl", "ONCE_COPTS")

def once_fuzz(name, deps):
    """Makes three targets of NAME_fuzz.cc, which defines LLVMFuzzerTestOneInput.

    NAME_corpus_test replays the kept inputs, in every build. NAME_fuzz is the fuzzer, which tests/fuzz/run lets search
    for long; NAME_fuzz_test lets it search for a moment. These two need --config=fuzz or asan.
    """
    corpus = native.glob(["corpus/%s/*" % name])
    deps = deps + [":input"]
    cc_test(
        name = name + "_corpus_test",
        size = "small",
        srcs = [name + "_fuzz.cc"],
        args = ["tests/fuzz/corpus/" + name],
        copts = ONCE_COPTS,
        data = corpus,
        tags = ["one_thread"],
        deps = deps + [":replay_main"],
    )
    cc_binary(
        name = name + "_fuzz",
        testonly = True,
        srcs = [name + "_fuzz.cc"],
        copts = ONCE_COPTS,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = deps,
    )
    native.sh_test(
        name = name + "_fuzz_test",
        size = "small",
        srcs = ["short_run.sh"],
        args = [
            "$(location :%s_fuzz)" % name,
            "tests/fuzz/corpus/" + name,
        ],
        data = corpus + [":%s_fuzz" % name],
        tags = ["manual"],
    )
