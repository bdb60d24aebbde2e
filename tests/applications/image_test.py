"""docker/Dockerfile, by docker/rehearse: small, without rights, read-only; the main job runs from its root and a kill -9.

The generator and the verifier are this build's; two pods run as containers would.
"""

import os
import re
import signal
import subprocess
import sys
import time

import applications
from applications import TREE, expect

LARGEST_MB = 150
ORDERS = 50000


class Pod:
    """One container of the image."""

    def __init__(self, root, work, number, options):
        self._work, self._number = work, number
        self._pid_file = os.path.join(work, "pid-%d" % number)
        self._log = os.path.join(work, "pod-%d.log" % number)
        self._command = [os.path.join(TREE, "docker", "rehearse"), "run", "--root=" + root,
                         "--volume=" + os.path.join(work, "volume-%d" % number), "--pid_file=" + self._pid_file,
                         "--env=ONCE_INSTANCE_ID=pod-%d" % number,
                         "--env=ONCE_BOOTSTRAP_SERVERS=" + applications.bootstrap_servers(),
                         "--env=ONCE_SESSION_TIMEOUT=6s", "--env=ONCE_STATIC_MEMBERSHIP=true", "--"] + options

    def start(self):
        with open(self._log, "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for(self, text):
        deadline = time.monotonic() + applications.PATIENCE_SECONDS
        while text not in self.log():
            expect(self._process.poll() is None and time.monotonic() < deadline,
                   "pod %d: waiting for '%s':\n%s" % (self._number, text, self.log()[-4000:]))
            time.sleep(0.2)

    def pid(self):
        with open(self._pid_file, encoding="utf-8") as file:
            return int(file.read())

    def signal(self, number):
        os.kill(self.pid(), number)
        return self._process.wait(timeout=applications.PATIENCE_SECONDS)

    def is_running(self):
        return self._process.poll() is None

    def check_confinement(self):
        """What the kernel says of the process itself."""
        with open("/proc/%d/status" % self.pid(), encoding="utf-8") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        expect(status["Uid"].split() == ["65532"] * 4, "the user is %s" % status["Uid"])
        expect(status["Gid"].split() == ["65532"] * 4, "the group is %s" % status["Gid"])
        expect(int(status["CapEff"], 16) == 0, "the process has capabilities: %s" % status["CapEff"])
        expect(status["NSpid"].split()[-1] == "1", "it is not process 1, as it is in a container: %s" % status["NSpid"])
        with open("/proc/%d/mountinfo" % self.pid(), encoding="utf-8") as file:
            roots = [line.split() for line in file if line.split()[4] == "/"]
        expect(roots and "ro" in roots[-1][5].split(","), "its root is not read-only: %s" % roots)


def run_main_job(root, work, bin_directory):
    name = "image-%d" % os.getpid()
    options = ["--application_id=" + name, "--input_topic=%s-in" % name, "--output_topic=%s-out" % name,
               "--dead_letter_topic=%s-dlq" % name]
    topics, broker = options[1:], "--bootstrap_servers=" + applications.bootstrap_servers()
    generator = os.path.join(bin_directory, "order_generator")
    half = ["--orders=%d" % ORDERS, "--rate=5000", "--duplicates_percent=5", "--poison_percent=0.1"]
    load = subprocess.Popen([generator, broker, "--create_topics"] + topics + half, stdin=subprocess.DEVNULL)
    pods = [Pod(root, work, number, options) for number in (1, 2)]
    try:
        for pod in pods:
            pod.start()
        for pod in pods:
            pod.wait_for(" runs from offset ")
        pods[0].check_confinement()
        expect(pods[0].signal(signal.SIGKILL) == 128 + signal.SIGKILL, "the killed pod's exit code is not a killed one's")
        pods[0].start()
        expect(load.wait(timeout=applications.PATIENCE_SECONDS * 2) == 0, "the generator has failed")
        print(applications.run([os.path.join(bin_directory, "order_verifier"), broker, "--wait=3m"] + options), flush=True)
        for pod in pods:
            expect(pod.signal(signal.SIGTERM) == 0, "on SIGTERM a pod's exit code is not 0:\n" + pod.log()[-2000:])
    finally:
        load.poll() is None and load.kill()
        for pod in pods:
            if pod.is_running():
                pod.signal(signal.SIGKILL)


def check_settings(root, work):
    """The variables that our files set are options of the program."""
    known = applications.run([os.path.join(TREE, "docker", "rehearse"), "run", "--root=" + root, "--volume=" +
                              os.path.join(work, "volume-0"), "--", "--help"])
    for name in ("docker/Dockerfile", "docker/compose.yaml", "docs/deploy.md"):
        with open(os.path.join(TREE, name), encoding="utf-8") as file:
            for variable in sorted(set(re.findall(r"\bONCE_[A-Z_]+", file.read()))):
                flag = variable[len("ONCE_"):].lower()
                expect(re.search(r"--(\[no\])?%s\b" % flag, known), "%s sets %s, but the program has no --%s" % (name, variable, flag))


def test(work, _):
    root, megabytes = applications.rehearse(work, "--target=order_totals")
    print("the image has %d MB" % megabytes, flush=True)
    expect(megabytes < LARGEST_MB, "the image has %d MB, not below %d" % (megabytes, LARGEST_MB))
    expect(not os.path.exists(os.path.join(root, "once")), "the image has the sources")
    version = applications.run([os.path.join(TREE, "docker", "rehearse"), "run", "--root=" + root, "--volume=" +
                                os.path.join(work, "volume-0"), "--", "--version"])
    expect("tcmalloc" in version, "the program does not allocate with tcmalloc: " + version)
    with open(os.path.join(root + ".json"), encoding="utf-8") as file:
        print("the image's settings: " + file.read() + "\n" + version, flush=True)
    check_settings(root, work)
    run_main_job(root, work, os.path.abspath(sys.argv[1]))


if __name__ == "__main__":
    applications.run_main(test)
