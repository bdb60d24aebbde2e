"""A running application for the page: a broker's topics, two pods of tests/page/shop.cc, orders that keep coming."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TOKEN = "a-token-for-the-pages-test"
# Nothing of it may be seen anywhere.
CANARY = "canary-e3b0c44298fc1c14"


@contextlib.contextmanager
def broker(directory):
    """Yields bootstrap servers: those of the environment, or of a broker of our own."""
    given = os.environ.get("ONCE_TEST_BOOTSTRAP")
    if given:
        yield given
        return
    tool = os.path.join(TREE, "docker", "kafka", "broker")
    where = os.path.join(directory, "broker")
    said = subprocess.run([tool, "start", "--dir=" + where, "--port=0"], check=True, capture_output=True, text=True).stdout
    try:
        yield re.search(r"bootstrap_servers=(\S+)", said).group(1)
    finally:
        subprocess.run([tool, "stop", "--dir=" + where], check=True, capture_output=True)


class World:
    """Pods and what they work on. `programs` are directories that have shop and order_generator."""

    def __init__(self, directory, bootstrap, programs, token=None, name=None):
        self.directory, self.bootstrap, self.token = directory, bootstrap, token
        self._programs = programs
        # On a broker that others use, names of its own.
        unique = "-%d-%d" % (os.getpid(), int(time.time() * 1000))
        self._name = name or "page" + unique
        self._end = "" if name else unique
        self._processes = []
        self.pods = {}
        self.trouble = os.path.join(directory, "trouble")
        self.mend()
        self.token_file = os.path.join(directory, "token")
        with open(self.token_file, "w", encoding="ascii") as file:
            file.write((token or TOKEN) + " name=tester\n")

    def _program(self, name):
        found = [os.path.join(each, name) for each in self._programs if os.path.exists(os.path.join(each, name))]
        if not found:
            raise RuntimeError("there is no %s in %s: build it first" % (name, ", ".join(self._programs)))
        return found[0]

    def _topics(self):
        return ["--input_topic=orders" + self._end, "--output_topic=customer-totals" + self._end,
                "--dead_letter_topic=orders.dlq" + self._end]

    def _start(self, name, arguments):
        log = open(os.path.join(self.directory, name + ".log"), "w", encoding="utf-8")
        # A secret that a pod has, and shows nobody.
        process = subprocess.Popen(arguments, stdout=log, stderr=log, env=dict(os.environ, KAFKA_SSL_KEY_PASSWORD=CANARY))
        self._processes.append((process, log))
        return process

    def fail(self, *customers):
        with open(self.trouble, "w", encoding="ascii") as file:
            file.writelines("fail %s\n" % customer for customer in customers)

    def mend(self):
        self.fail()

    def start_pod(self, instance):
        process = self._start("pod-" + instance, [
            self._program("shop"), "--bootstrap_servers=" + self.bootstrap, "--application_id=" + self._name,
            "--instance_id=" + instance, "--state_dir=" + os.path.join(self.directory, "state-" + instance),
            "--session_timeout=6s", "--http_listen=127.0.0.1:0", "--trouble_file=" + self.trouble,
            "--small_topic=small-orders" + self._end, "--large_topic=large-orders" + self._end, "--create_topics",
            "--create_partitions=12"] + self._topics() + (["--http_token_file=" + self.token_file] if self.token else []))
        self.pods[instance] = (process, "http://127.0.0.1:%d/" % self._await_port(instance, process))

    def _await_port(self, instance, process):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = re.search(r" at http://127\.0\.0\.1:(\d+)", self.log("pod-" + instance))
            if found:
                return int(found.group(1))
            if process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the pod does not serve:\n" + self.log("pod-" + instance))

    def start_orders(self, rate, orders=10 ** 6, customers=400, name="orders"):
        return self._start(name, [
            self._program("order_generator"), "--bootstrap_servers=" + self.bootstrap, "--orders=%d" % orders,
            "--rate=%d" % rate, "--customers=%d" % customers, "--poison_percent=0", "--duplicates_percent=5",
            "--topic=orders" + self._end])

    def log(self, name):
        with open(os.path.join(self.directory, name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def url(self, instance=None):
        return self.pods[instance or next(iter(self.pods))][1]

    def ask(self, path, instance="a", method="GET", body=None, headers=None):
        """(status, what it says)."""
        asked = dict(headers or {})
        if self.token and "Authorization" not in asked:
            asked["Authorization"] = "Bearer " + self.token
        if body is not None and "Content-Type" not in asked:
            asked["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url(instance) + path, method=method, headers=asked,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until(self, what, timeout=60):
        """The first true value of `what()`."""
        until = time.monotonic() + timeout
        while True:
            value = what()
            if value:
                return value
            if time.monotonic() > until:
                raise AssertionError("it has not come to that within %d s\n%s" % (timeout, self.log("pod-" + next(iter(self.pods)))[-4000:]))
            time.sleep(0.1)

    def status(self, path="v1/status"):
        return json.loads(self.ask(path, next(iter(self.pods)))[1])

    def close(self):
        for process, _ in self._processes:
            if process.poll() is None:
                process.terminate()
        for process, log in self._processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
            log.close()


@contextlib.contextmanager
def running(programs, token=None, pods=("a", "b"), name=None):
    """Yields a World whose pods are ready."""
    with tempfile.TemporaryDirectory(prefix="once-page-") as directory, broker(directory) as bootstrap:
        world = World(directory, bootstrap, programs, token, name)
        try:
            for pod in pods:
                world.start_pod(pod)
            for pod in pods:
                world.until(lambda pod=pod: world.ask("readyz", pod)[0] == 200, 120)
            yield world
        finally:
            world.close()
