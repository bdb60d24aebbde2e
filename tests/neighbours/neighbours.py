"""What tests with programs of other worlds have in common: jars through Maven, the compiler, an AWS, a broker, orderly
ends."""

import fcntl
import glob
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "once")
BROKER = os.path.join(ROOT, "docker/kafka/broker")
STOP_LIMIT_S = 20
MOTO_VERSION = "5.2.5"

# What a time limit sends; Python would leave out all `finally`, and with them brokers and servers behind.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Unreached(Exception):
    """A registry could not be reached, or a tool is missing: the text says which, and what helps."""


def need(tool):
    if shutil.which(tool) is None:
        raise Unreached("%s is not installed: run setup/install" % tool)


def last_lines(text):
    return "\n".join(text.splitlines()[-10:])


def fetch(what, pom):
    """The directory of the jars that a pom names; fetched once for each content of the pom."""
    with open(pom, "rb") as source:
        mark = hashlib.sha256(source.read()).hexdigest()[:12]
    name = os.path.basename(os.path.dirname(os.path.realpath(pom)))
    jars = os.path.join(CACHE, "%s-%s" % (name, mark))
    for tool in ("java", "javac", "mvn"):
        need(tool)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(jars):
            return jars
        print("fetching %s through Maven (once)" % what, flush=True)
        staging = tempfile.mkdtemp(prefix="fetch.", dir=CACHE)
        try:
            done = subprocess.run(["mvn", "-B", "-q", "-f", pom, "dependency:copy-dependencies",
                                   "-DoutputDirectory=" + os.path.join(staging, "jars")], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode != 0:
                raise Unreached("Maven could not fetch %s: check the network or the mirror in ~/.m2/settings.xml:\n%s" %
                                (what, last_lines(done.stdout)))
            os.rename(os.path.join(staging, "jars"), jars)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return jars


def compile_java(jars, classes, directory):
    sources = sorted(glob.glob(os.path.join(directory, "*.java")))
    done = subprocess.run(["javac", "-nowarn", "-cp", jars + "/*", "-d", classes, *sources],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("javac refuses %s:\n%s" % (directory, done.stderr))


def start_broker(directory, *settings):
    """Its bootstrap address."""
    started = subprocess.run([BROKER, "start", "--dir=" + directory, "--port=0", "--heap=512m",
                              *("--set=" + setting for setting in settings)],
                             capture_output=True, text=True, check=False)
    if started.returncode != 0:
        raise RuntimeError("the broker did not start:\n" + started.stderr)
    return started.stdout.split("bootstrap_servers=")[1].split()[0]


def stop_broker(directory):
    if os.path.isdir(directory):
        subprocess.run([BROKER, "stop", "--dir=" + directory], check=False)


def fetch_moto():
    """The Python of an environment that has moto, an AWS on this machine, and Amazon's client; made once."""
    home = os.path.join(CACHE, "moto-" + MOTO_VERSION)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "moto.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(os.path.join(home, "complete")):
            return os.path.join(home, "bin/python")
        print("fetching moto through pip (once)", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        for command in (["python3", "-m", "venv", home],
                        [os.path.join(home, "bin/pip"), "install", "-q", "moto[server]==" + MOTO_VERSION]):
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
            if done.returncode != 0:
                raise Unreached("could not do `%s`: check the network and pip's settings, and run "
                                "setup/install --connect:\n%s" % (" ".join(command), last_lines(done.stdout)))
        with open(os.path.join(home, "complete"), "w", encoding="utf-8"):
            pass
    return os.path.join(home, "bin/python")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def end(process):
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
