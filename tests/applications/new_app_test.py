"""./new_app, for Bazel and for CMake: what it writes builds, passes its test, and runs; what it refuses, it refuses in words."""

import os
import re

import applications
from applications import TREE, expect

NEW_APP = os.path.join(TREE, "new_app")
REFUSED = (
    (["Fraud"], "is no name for an application"),
    (["9lives"], "is no name for an application"),
    (["a-"], "is no name for an application"),
    (["../evil"], "is no name for an application"),
    (["a" * 61], "is no name for an application"),
    (["topology"], "means something else already"),
    (["taken"], "is there already"),
    (["fine", "--dir=/nonexistent/fine"], "there is no directory /nonexistent"),
    (["fine", "--dir=" + os.path.join(TREE, "fine")], "inside of Once's own tree"),
    (["fine", "--bazle"], "unrecognized arguments"),
    ([], "required"),
)


def check_refusals(work):
    os.mkdir(os.path.join(work, "taken"))
    before = sorted(os.listdir(work))
    for arguments, expected in REFUSED:
        output = applications.run([NEW_APP] + arguments, work, expected_code=2)
        expect(expected in output, "new_app %s does not say '%s': %s" % (" ".join(arguments), expected, output))
    expect(sorted(os.listdir(work)) == before, "a refused new_app left something: %s" % os.listdir(work))


def texts_of(directory):
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            yield name, file.read()


def check_texts(directory, other_build):
    """All is named after the application, and the other build has left nothing."""
    for name, text in texts_of(directory):
        expect(not re.search(r"page.counter|ONCE_DIRECTORY|ONCE_PREFIX|EXAMPLES|(bazel|cmake) (begin|end)", name + text),
               "%s has a name of the example" % name)
        expect(other_build not in name.lower(), "%s is of the other build" % name)


def check_bazel(work, bazel):
    applications.run([NEW_APP, "fraud-check"], work)
    directory = os.path.join(work, "fraud-check")
    check_texts(directory, "cmake")
    bazel.build("test", directory, "-c", "opt", "//...")
    bazel.build("build", directory, "-c", "opt", "//:fraud_check")
    graph = applications.run([os.path.join(directory, "bazel-bin/fraud_check"), "--print_topology"])
    expect("fraud-check" in graph, "the application has another name: " + graph)
    applications.Run(os.path.join(directory, "bazel-bin/fraud_check"), work).check()


def check_cmake(work, bazel):
    prefix = os.path.join(work, "prefix")
    applications.run([os.path.join(TREE, "install"), "--prefix=" + prefix, "--no-setup"], env=bazel.env)
    # What C has a function for, and C++ a keyword, is a name as good as any.
    for name in ("signal", "register"):
        directory = os.path.join(work, "apps-" + name)
        applications.run([NEW_APP, name, "--cmake", "--dir=" + directory], work)
        check_texts(directory, "bazel")
        build = os.path.join(directory, "build")
        applications.run(["cmake", "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix], directory)
        applications.run(["cmake", "--build", build, "-j2"], directory)
        applications.run(["ctest", "--test-dir", build, "--output-on-failure"], directory)
    run_work = os.path.join(work, "run")
    os.mkdir(run_work)
    applications.Run(os.path.join(work, "apps-signal", "build", "signal"), run_work).check()


def test(work, bazel):
    check_refusals(work)
    check_bazel(work, bazel)
    check_cmake(work, bazel)


if __name__ == "__main__":
    applications.run_main(test)
