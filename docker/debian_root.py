"""Root directories of Debian, made by debootstrap, and commands in them: for docker/rehearse and tests/fresh/run.

Needs root, and debootstrap. What is mounted is mounted in the namespace of the caller, who has made one of their own.
"""

import os
import shlex
import shutil
import subprocess
import tempfile

TREE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
# Where chroot and debootstrap are; not every account's PATH has it.
TOOLS = ":/usr/sbin:/sbin"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Debian's slim images have none of these.
NOT_IN_SLIM = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "var/cache/apt",
               "var/lib/apt/lists", "var/log/apt")
PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def _mirror():
    """The first Debian mirror that this machine's apt sources name, or nothing: then debootstrap has its own."""
    printed = subprocess.run([os.path.join(TREE, "setup", "mirrors")], stdout=subprocess.PIPE, check=True, text=True)
    return printed.stdout.split()[:1]


def _slim(root):
    for name in NOT_IN_SLIM:
        for entry in os.listdir(os.path.join(root, name)) if os.path.isdir(os.path.join(root, name)) else ():
            path = os.path.join(root, name, entry)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)


def base(suite):
    """The smallest system of debian:SUITE-slim as a tar file, made once."""
    tar = os.path.join(CACHE, "once", "debian-%s.tar" % suite)
    if not os.path.exists(tar):
        os.makedirs(os.path.dirname(tar), exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="debian-%s." % suite, dir=os.path.dirname(tar)) as work:
            made = os.path.join(work, "root")
            subprocess.run(["debootstrap", "--variant=minbase", suite, made] + _mirror(), check=True,
                           stdout=subprocess.DEVNULL)
            _slim(made)
            subprocess.run(["tar", "-C", made, "-cf", made + ".tar", "."], check=True)
            os.rename(made + ".tar", tar)
    return tar


def unpack(suite, to):
    """Makes the directory."""
    tar = base(suite)
    os.makedirs(to)
    subprocess.run(["tar", "-C", to, "-xpf", tar], check=True)


def mounts(root, binds=()):
    """Shell commands that mount what programs expect, and (source, target) pairs of directories."""
    commands = ["mount -t proc proc %s" % shlex.quote(root + "/proc"), "mount --rbind /dev %s" % shlex.quote(root + "/dev")]
    for source, target in binds:
        os.makedirs(source, exist_ok=True)
        os.makedirs(root + target, exist_ok=True)
        commands.append("mount --rbind %s %s" % (shlex.quote(source), shlex.quote(root + target)))
    return commands


def use_network(root):
    """It has no other than this machine's."""
    shutil.copyfile("/etc/resolv.conf", os.path.join(root, "etc/resolv.conf"))


def command(root, environment, arguments, user="0:0", directory="/"):
    """What runs the arguments there, in no other environment: the process becomes the program itself."""
    passed = {name: os.environ[name] for name in PROXIES if name in os.environ}
    variables = ["%s=%s" % item for item in dict(environment, **passed).items()]
    return ["chroot", "--userspec=" + user, root, "env", "--chdir=" + directory, "-i"] + variables + list(arguments)
