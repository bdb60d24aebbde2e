"""A test that runs one of the chaos commands, with brokers of its own."""

def chaos_test(name, command, options, must_fail = False, tags = []):
    """`command` is a script of this package; `must_fail` expects it to find violations."""
    native.sh_test(
        name = name,
        size = "large",
        srcs = ["run_test.sh"],
        args = (["--must_fail"] if must_fail else []) + ["$(location :%s)" % command] + options,
        data = native.glob(["*.py"]) + [
            command,
            ":programs",
        ],
        # It makes namespaces of its own, and its pods need the machine for themselves.
        tags = [
            "exclusive",
            "integration",
            "local",
            "nosan",
        ] + tags,
    )
