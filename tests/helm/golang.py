"""The Go that is at hand, and what it says when it cannot reach its modules."""

import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))
# Of Debian 12.
_LEAST = (1, 19)
# Where it is on machines whose PATH does not say so, as a test's may not.
_USUAL = ("/usr/local/go/bin", "/usr/lib/go/bin")
# What is no fault of the network.
_OURS = re.compile(r"checksum mismatch|SECURITY ERROR|missing go\.sum entry|updates to go\.mod needed|is not in (GOROOT|std)")


class NoGo(Exception):
    """Says what is missing on this machine, or out of its reach."""


def environment():
    """For the go command: nothing but what the tree's files say, and no other toolchain than the one at hand."""
    env = dict(os.environ, GOFLAGS="-mod=readonly", GOTOOLCHAIN="local", CGO_ENABLED="0", GOWORK="off")
    env.setdefault("HOME", "/root")
    env["PATH"] = os.pathsep.join([env.get("PATH", "/usr/bin:/bin"), *_USUAL])
    return env


def _version(env):
    program = shutil.which("go", path=env["PATH"])
    if program is None:
        raise NoGo("there is no Go: setup/install --chart installs Debian's")
    told = subprocess.run([program, "version"], env=env, capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", told)
    if not found or tuple(map(int, found.groups())) < _LEAST:
        raise NoGo("Go %d.%d or newer is needed; this is %s" % (*_LEAST, told.strip() or program))
    return told.strip()


def prepare():
    """The environment for `go`, with all modules that are built in the cache. Raises NoGo."""
    env = environment()
    print(_version(env), flush=True)
    listed = subprocess.run(["go", "list", "-deps", "-test", "./..."], cwd=HERE, env=env, capture_output=True, text=True,
                            check=False)
    if listed.returncode != 0:
        if _OURS.search(listed.stderr):
            raise RuntimeError("go list: " + listed.stderr[-3000:])
        raise NoGo("Go's modules cannot be fetched: " + listed.stderr.strip()[-500:])
    return env
