"""What tests of whole applications share: temporary directories, builds of their own, and a run that is killed in between.

The applications are page counters, as ./new_app writes them: each view of a page is answered with how often it was viewed
so far. Exactly once means that the answers for each page are 1, 2, ... to the number of views that were sent.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.sax.saxutils

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# Bounds of waiting, for a machine that is busy; nothing is concluded from how long something took.
PATIENCE_SECONDS = 180
PAGES, VIEWS_PER_PAGE = 20, 1000


class Failed(Exception):
    """Says what was expected, and what came."""


class Skipped(Exception):
    """Says what this machine does not allow."""


def expect(condition, message):
    if not condition:
        raise Failed(message)


def run(command, directory=None, env=None, expected_code=0):
    """Runs it, shows it, and returns its output, stdout and stderr together."""
    print("$ (cd %s && %s)" % (directory or os.getcwd(), " ".join(command)), flush=True)
    result = subprocess.run(command, cwd=directory, env=dict(os.environ, **(env or {})), stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace", check=False)
    if result.returncode != expected_code:
        print(result.stdout[-8000:], flush=True)
        raise Failed("%s: exit code %d, not %d" % (command[0], result.returncode, expected_code))
    return result.stdout


def bootstrap_servers():
    address = os.environ.get("ONCE_TEST_BOOTSTRAP", "")
    expect(address, "ONCE_TEST_BOOTSTRAP is not set: start a broker, and pass its address with --test_env")
    return address


class Bazel:
    """A Bazel with an output base of its own: the one that runs this test waits for nobody."""

    def __init__(self, work):
        self._root = os.path.join(work, "bazel")
        self._startup = ["--output_user_root=" + self._root, "--host_jvm_args=-Xmx700m", "--max_idle_secs=60"]
        self._used = set()
        # For ./install and others that call it.
        self.env = {"ONCE_BAZEL_STARTUP": " ".join(self._startup)}

    def run(self, command, directory, *arguments, expected_code=0):
        self._used.add(directory)
        return run(["bazel"] + self._startup + [command, "--curses=no", "--color=no"] + list(arguments), directory,
                   expected_code=expected_code)

    def build(self, command, directory, *arguments, expected_code=0):
        """Build or test. What another build has made is not made again."""
        return self.run(command, directory, "--disk_cache=" + os.path.expanduser("~/.cache/once-bazel"), *arguments,
                        expected_code=expected_code)

    def shut_down(self, *directories):
        for directory in set(directories) | self._used:
            if os.path.isdir(directory):
                subprocess.run(["bazel"] + self._startup + ["shutdown"], cwd=directory, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=False)


def remove(directory):
    """Bazel write-protects what it has built."""
    subprocess.run(["chmod", "-R", "u+w", directory], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(directory, ignore_errors=True)


class Run:
    """One application's topics, state and processes on a broker.

    `program` is the beginning of a command. If that does not become the program itself it writes the program's process id
    to `pid_file`.
    """

    def __init__(self, program, work, state_dir=None, pid_file=None):
        self._program = [program] if isinstance(program, str) else program
        self._work, self._pid_file = work, pid_file
        self._name = "pages-%s-%d" % (hashlib.sha1(work.encode()).hexdigest()[:8], os.getpid())
        self._input, self._output = self._name + "-in", self._name + "-out"
        self._options = ["--bootstrap_servers=" + bootstrap_servers(), "--application_id=" + self._name,
                         "--input_topic=" + self._input, "--output_topic=" + self._output,
                         "--dead_letter_topic=" + self._name + "-dlq", "--state_dir=" + (state_dir or os.path.join(work, "state")),
                         "--session_timeout=6s", "--create_topics"]
        self._process, self._starts = None, 0

    def start(self):
        self._starts += 1
        self._log = os.path.join(self._work, "application-%d.log" % self._starts)
        with open(self._log, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(self._program + self._options, stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=subprocess.STDOUT)
        self._wait("its task runs", lambda: " runs from offset " in self._text())

    def _text(self):
        with open(self._log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def _wait(self, what, holds):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failed("waiting until %s: exit code %s; log:\n%s" % (what, self._process.poll(), self._text()[-4000:]))
            time.sleep(0.2)

    def send(self, first, end):
        """Views number first to end of each page. 0x08 0x05 is a PageViewed of 5 ms."""
        records = b"".join(b"/page-%d:\x08\x05|" % page for _ in range(first, end) for page in range(PAGES))
        subprocess.run(["kcat", "-P", "-b", bootstrap_servers(), "-t", self._input, "-K", ":", "-D", "|"], input=records,
                       check=True)

    def answers(self):
        """{page: [how often it was viewed, as told after each view]}"""
        read = subprocess.run(["kcat", "-C", "-q", "-b", bootstrap_servers(), "-t", self._output, "-o", "beginning", "-e",
                               "-X", "isolation.level=read_committed", "-s", "value=q", "-f", "%k %s\n"],
                              stdout=subprocess.PIPE, check=True, text=True)
        answers = {}
        for line in read.stdout.splitlines():
            page, count = line.split()
            answers.setdefault(page, []).append(int(count))
        return answers

    def kill(self):
        pid = self._process.pid
        if self._pid_file:
            with open(self._pid_file, encoding="utf-8") as file:
                pid = int(file.read())
        os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self):
        self._process.terminate()
        code = self._process.wait(timeout=PATIENCE_SECONDS)
        expect(code == 0, "stopped by SIGTERM, the exit code is %d; log:\n%s" % (code, self._text()[-4000:]))

    def check(self):
        """Sends views, kills the application in the middle of them with -9, and checks every answer."""
        half = VIEWS_PER_PAGE // 2
        try:
            self.start()
            self.send(0, half)
            self._wait("it has answered something", self.answers)
            self.kill()
            self.start()
            self.send(half, VIEWS_PER_PAGE)
            total = PAGES * VIEWS_PER_PAGE
            self._wait("all is answered", lambda: sum(len(each) for each in self.answers().values()) >= total)
            self.stop()
        finally:
            if self._process and self._process.poll() is None:
                self.kill()
        expected = {"/page-%d" % page: list(range(1, VIEWS_PER_PAGE + 1)) for page in range(PAGES)}
        wrong = {page: len(each) for page, each in self.answers().items() if each != expected.get(page)}
        expect(self.answers() == expected, "pages whose answers are not 1 to %d, and how many they have: %s" %
               (VIEWS_PER_PAGE, wrong))
        print("killed with -9 in between: %d views, every answer exactly right" % total, flush=True)


def main(test):
    """Runs test(work, bazel) in a temporary directory; returns the exit code."""
    os.environ.setdefault("HOME", "/root")
    os.environ.setdefault("USER", "root")
    # As in a shell. Bazel calls the compiler by where PATH has it first, and by another name it would compile everything
    # again: a test's own PATH begins with /bin. Lintian's and the rehearsal's helpers are in sbin.
    os.environ["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    work = tempfile.mkdtemp(prefix="once-applications.", dir=os.environ.get("ONCE_TEST_DIR", "/tmp"))
    bazel = Bazel(work)
    # What ends a test that takes too long; it leaves nothing behind.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        test(work, bazel)
    except Failed as failure:
        print("FAILED: %s" % failure, flush=True)
        return 1
    except Skipped as why:
        print("SKIPPED: %s" % why, flush=True)
        report_skipped(str(why))
        return 0
    finally:
        bazel.shut_down(TREE)
        remove(work)
    print("ok", flush=True)
    return 0


def report_skipped(why):
    """Bazel's own report would call it passed."""
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write('<testsuites><testsuite name="applications" tests="1"><testcase name="roots" result="skipped"><skipped '
                       "message=%s/></testcase></testsuite></testsuites>\n" % xml.sax.saxutils.quoteattr(why))


def need_roots():
    """Not every machine lets one mount, as in a container without rights."""
    probe = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", "mount -t tmpfs none /mnt"],
                           capture_output=True, text=True, check=False)
    if os.geteuid() != 0 or probe.returncode != 0:
        raise Skipped("root directories of their own need root and the right to mount: " + probe.stderr.strip()[-200:])


def rehearse(work, *arguments):
    """Makes an image's root below work/roots; returns it and its size in MB. Skips the test where that cannot be."""
    need_roots()
    printed = run([os.path.join(TREE, "docker", "rehearse"), "build", "--dir=" + os.path.join(work, "roots")] +
                  list(arguments))
    values = dict(line.split("=", 1) for line in printed.splitlines() if line.startswith(("root=", "size_mb=")))
    return values["root"], int(values["size_mb"])


def in_image(root, work):
    """A Run of the image's program."""
    pid_file = os.path.join(work, "pid")
    command = [os.path.join(TREE, "docker", "rehearse"), "run", "--root=" + root, "--volume=" + os.path.join(work, "volume"),
               "--pid_file=" + pid_file, "--"]
    return Run(command, work, state_dir="/var/lib/once/state", pid_file=pid_file)


def run_main(test):
    sys.exit(main(test))
