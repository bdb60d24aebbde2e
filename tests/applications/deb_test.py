"""packages/deb: lintian finds nothing, they install in a clean root, and an application is built on them and runs there."""

import glob
import os
import shutil

import applications
from applications import TREE, expect


def only(pattern):
    found = glob.glob(pattern)
    expect(len(found) == 1, "%s are %s" % (pattern, found))
    return found[0]


def check_lintian(packages):
    output = applications.run(["lintian", "--allow-root", "--fail-on", "error,warning"] + packages)
    expect(not output.strip(), "lintian finds something:\n" + output)


def test(work, bazel):
    out = os.path.join(work, "out")
    applications.run([os.path.join(TREE, "packages", "deb"), "--out=" + out, "--no-setup"], env=bazel.env)
    packages = {name: only(os.path.join(out, name + "_*.deb")) for name in ("libonce1", "libonce-dev")}
    check_lintian(list(packages.values()))
    context = os.path.join(work, "context")
    os.makedirs(os.path.join(context, "packages"))
    for name, path in packages.items():
        shutil.copyfile(path, os.path.join(context, "packages", name + ".deb"))
    shutil.copytree(os.path.join(TREE, "examples", "own_workspace"), os.path.join(context, "page_counter"))
    root, _ = applications.rehearse(work, "--context=" + context, "--file=" +
                                    os.path.join(TREE, "tests", "applications", "deb.Dockerfile"))
    applications.in_image(root, work).check()


if __name__ == "__main__":
    applications.run_main(test)
