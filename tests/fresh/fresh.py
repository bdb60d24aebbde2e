"""A fresh Debian: a root directory, what is run in it, and how long that takes."""

import os
import shlex
import shutil
import subprocess
import sys
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.join(TREE, "docker")]

import debian_root  # noqa: E402  (it lies beside what it is for)

HOME = "/root"
ENVIRONMENT = {"HOME": HOME, "USER": "root", "PATH": debian_root.PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
# Certificates of authorities, and Maven's mirror: with them this machine reaches what it reaches.
NETWORK_FILES = ("/usr/local/share/ca-certificates", os.path.expanduser("~/.m2/settings.xml"))


class Failed(Exception):
    """Says what was expected, and what came."""


def processor_seconds():
    """Of all that this namespace of processes has run so far: of what is there, and of what is over and waited for."""
    ticks = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as file:
                # From its state on; utime, stime, cutime and cstime are the 12th to 15th.
                ticks += sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


class Clock:
    """Seconds, and the processors' seconds, since it was made."""

    def __init__(self):
        self._began, self._processor = time.monotonic(), processor_seconds()

    def times(self):
        return time.monotonic() - self._began, processor_seconds() - self._processor

    def __str__(self):
        return "%.0f s, %.0f s of processor time" % self.times()


class Root:
    """A system with nothing but Debian's smallest, and the tree in /root/once.

    Everything is mounted in this process's namespace. `cache`, if given, is a directory for what was fetched and compiled before.
    """

    def __init__(self, suite, path, logs, cache=None):
        self.path, self._logs, self._suite = path, logs, suite
        debian_root.unpack(suite, path)
        debian_root.use_network(path)
        for name in filter(os.path.exists, NETWORK_FILES):
            target = path + name.replace(os.path.expanduser("~"), HOME)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            (shutil.copytree if os.path.isdir(name) else shutil.copy)(name, target)
        # What a user says to apt's question; and a mirror that lags is one all the same, for what it has is signed.
        self.write("/etc/apt/apt.conf.d/fresh", 'APT::Get::Assume-Yes "true";\nAcquire::Check-Valid-Until "false";\n')
        binds = [("/sys", "/sys")]
        if cache:
            binds += [(os.path.join(cache, suite, "apt"), "/var/cache/apt/archives"),
                      (os.path.join(cache, suite, "home"), HOME + "/.cache")]
            self.write(HOME + "/.bazelrc", "build --disk_cache=%s/.cache/once-bazel\n" % HOME)
        for command in debian_root.mounts(path, binds):
            subprocess.run(command, shell=True, check=True)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path + name), exist_ok=True)
        with open(self.path + name, "w", encoding="utf-8") as file:
            file.write(text)

    def add_tree(self):
        """What a clone would have, with the changes that are there."""
        listed = subprocess.run(["git", "-C", TREE, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                stdout=subprocess.PIPE, check=True).stdout.split(b"\0")
        there = [name for name in listed if name and os.path.lexists(os.path.join(TREE.encode(), name))]
        self.add(TREE, HOME + "/once", b"\0".join(there))

    def add(self, source, target, names=b"."):
        os.makedirs(self.path + target, exist_ok=True)
        pack = "tar -C %s --null -T - -cf - | tar -C %s -xpf -" % (shlex.quote(source), shlex.quote(self.path + target))
        subprocess.run(["bash", "-o", "pipefail", "-c", pack], input=names, check=True)

    def command(self, arguments, directory):
        """What runs them there; the process becomes the program itself."""
        return debian_root.command(self.path, ENVIRONMENT, arguments, directory=directory)

    def run(self, command, directory):
        """Runs a line of a shell, tells how long it takes, and returns what it prints; its log stays."""
        print("%s: (%s) %s ... " % (self._suite, directory, command), end="", flush=True)
        clock = Clock()
        log = os.path.join(self._logs, "%02d.log" % (len(os.listdir(self._logs)) + 1))
        with open(log, "w", encoding="utf-8") as file:
            code = subprocess.run(self.command(["bash", "-c", command], directory), stdin=subprocess.DEVNULL, stdout=file,
                                  stderr=subprocess.STDOUT, check=False).returncode
        print("%s (%s)" % ("done" if code == 0 else "FAILED", clock), flush=True)
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        if code != 0:
            raise Failed("%s ended with code %d; the end of %s:\n%s" % (command, code, log, text[-6000:]))
        return text

    def run_all(self, commands, directory):
        """Lines as a user types them; `cd` is one's own. Returns the directory behind them."""
        for command in commands:
            words = shlex.split(command)
            if words[0] == "cd":
                directory = os.path.normpath(os.path.join(directory, words[1]))
            else:
                self.run(command, directory)
        return directory
