"""A test that builds whole applications, outside of the tree, and runs them."""

def applications_test(name, tags = []):
    native.sh_test(
        name = name,
        size = "enormous",
        srcs = ["//tests/style:run_python.sh"],
        args = ["$(location %s.py)" % name],
        data = native.glob(["*.py"]),
        # It runs Bazel itself, on the whole tree, and needs the machine for that.
        tags = [
            "exclusive",
            "external",
            "integration",
            "local",
            "nosan",
        ] + tags,
    )
