"""A test that runs one of the chaos commands, with brokers of its own."""

def chaos_test(name, command, options, must_fail = False, alone = True, tags = []):
    """`command` is a script of this package; `must_fail` expects it to find violations.

    `alone`: its pods need the machine for themselves, since faults are timed.
    """
    native.sh_test(
        name = name,
        size = "large",
        srcs = ["run_test.sh"],
        args = (["--must_fail"] if must_fail else []) + ["$(location :%s)" % command] + options,
        data = native.glob(["*.py"]) + [
            command,
            ":programs",
        ],
        # It makes namespaces of its own.
        tags = [
            "integration",
            "local",
            "nosan",
        ] + (["exclusive"] if alone else []) + tags,
    )
