"""Compiler options of our own code; system headers and generated code do not get them."""

ONCE_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
]

# A test's own code: compiling it takes longer than running it.
ONCE_TEST_COPTS = ONCE_COPTS + ["-O0"]
