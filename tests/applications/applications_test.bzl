"""A test that builds whole applications, outside of the tree, and runs them."""

def applications_test(name, args = [], data = [], tags = []):
    """`name`.py is run with `args`. `data` is built for it."""
    native.sh_test(
        name = name,
        size = "enormous",
        srcs = ["//tests/style:run_python.sh"],
        args = ["$(location %s.py)" % name] + args,
        data = native.glob(["*.py"]) + data,
        # It runs Bazel itself, on the whole tree, and needs the machine for that.
        tags = [
            "applications",
            "exclusive",
            "external",
            "integration",
            "local",
            "nosan",
        ] + tags,
    )
