"""Compiler options of our own code; system headers and generated code do not get them."""

ONCE_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
]
