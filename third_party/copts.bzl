"""Compiler options of our own code."""

ONCE_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
]
