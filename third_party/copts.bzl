"""Compiler options of our own code; system headers and generated code do not get them."""

# The language goes with the target, so that it compiles in any workspace. A warning fails the build in ours only
# (.bazelrc): elsewhere the compiler may be another, and the application's to choose.
ONCE_COPTS = [
    "-std=c++20",
    "-Wall",
    "-Wextra",
] + select({
    "//third_party:warnings_are_errors": ["-Werror"],
    "//conditions:default": [],
})

# A test's own code: compiling it takes longer than running it.
ONCE_TEST_COPTS = ONCE_COPTS + ["-O0"]
