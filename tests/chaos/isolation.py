"""A world of the test's own: network, mounts and process ids that end with it.

What the run makes (bridge, links, small file systems, processes) exists in namespaces that only it is in, so nothing of
it is seen on the machine, and nothing is left when it ends, however it ends.
"""

import os
import shutil
import subprocess
import sys

_INSIDE = "CHAOS_INSIDE"
_UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def _commands():
    """How a world may be made: as root, or else as root of a user namespace."""
    return [_UNSHARE] if os.geteuid() == 0 else [_UNSHARE[:1] + ["--user", "--map-root-user"] + _UNSHARE[1:]]


def enter(program, arguments):
    """Runs the program again inside; returns only inside (None), or where it cannot be done (why)."""
    if os.environ.get(_INSIDE):
        _set_up()
        return None
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # Where ip is; not everybody's path has them.
    for tool in ("unshare", "nsenter", "ip"):
        if shutil.which(tool) is None:
            return "%s is not installed: run setup/install" % tool
    for command in _commands():
        tried = subprocess.run(command + ["ip", "link", "add", "try", "type", "bridge"], capture_output=True, text=True,
                               check=False)
        if tried.returncode == 0:
            os.environ[_INSIDE] = "1"
            sys.stdout.flush()
            os.execvp(command[0], command + [sys.executable, "-B", program] + arguments)
    return tried.stderr.strip().replace("\n", "; ") or "unshare refuses"


def _set_up():
    call("ip", "link", "set", "lo", "up")


def is_inside():
    return bool(os.environ.get(_INSIDE))


def call(*command):
    """Runs a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), (done.stdout + done.stderr).strip()))
    return done.stdout
