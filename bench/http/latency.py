"""Asks a pod under load for everything that it serves, and says how long that takes. Called by bench/http_latency, which builds
the programs and starts the broker."""

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time

PATIENCE = 600
CALL_TIMEOUT = 30
ASK_LOAD_EVERY = 0.25


def parse_arguments():
    parser = argparse.ArgumentParser()
    for name in ("application", "generator", "bootstrap_servers", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--value", action="append", default=[])
    return parser.parse_args()


class Pod:
    """The example, and who sends it orders."""

    def __init__(self, arguments):
        name = "http-%d" % int(time.time() * 1000)
        self.topic = name + "-orders"
        topics = ["--input_topic=" + self.topic, "--output_topic=" + name + "-totals",
                  "--dead_letter_topic=" + name + "-dlq", "--bootstrap_servers=" + arguments.bootstrap_servers]
        self.port = 0
        self.logs = {}
        self.processes = []
        try:
            self.start_both(name, topics, arguments)
        except BaseException:
            self.stop()
            raise

    def start_both(self, name, topics, arguments):
        self.start("generator", arguments, [arguments.generator, "--create_topics", "--orders=1000000000",
                                            "--rate=%d" % arguments.rate, "--partitions=%d" % arguments.tasks,
                                            "--duplicates_percent=5", "--poison_percent=0.1"] + topics)
        self.wait_for("generator", r"order_generator: [1-9]\d* of ")
        self.start("application", arguments, [arguments.application, "--application_id=" + name,
                                              "--state_dir=" + os.path.join(arguments.work, "state"),
                                              "--http_listen=127.0.0.1:0"] + topics)
        self.port = int(self.wait_for("application", r" at http://127\.0\.0\.1:(\d+)").group(1))

    def start(self, name, arguments, command):
        self.logs[name] = os.path.join(arguments.work, "log", name + ".log")
        with open(self.logs[name], "wb") as log:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def wait_for(self, name, pattern):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with open(self.logs[name], encoding="utf-8", errors="replace") as log:
                text = log.read()
            found = re.search(pattern, text)
            if found:
                return found
            self.check()
            time.sleep(0.05)
        sys.exit("%s did not get so far in %d s; its log: %s" % (name, PATIENCE, self.logs[name]))

    def check(self):
        for name, process in zip(self.logs, self.processes):
            if process.poll() is not None:
                sys.exit("%s has ended with code %d; its log: %s" % (name, process.returncode, self.logs[name]))

    def get(self, path):
        """Returns (seconds, status, body), of a request on a connection of its own."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_TIMEOUT)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return time.monotonic() - began, answer.status, body
        finally:
            connection.close()

    def metrics(self):
        return self.get("/metrics")[2].decode()

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def total(text, series):
    values = re.findall(r"^%s (\S+)$" % series, text, re.MULTILINE)
    return sum(float(value) for value in values)


def processed(text):
    return total(text, r'once_events_total\{[^}]*outcome="processed"\}')


def await_tasks(pod, tasks):
    """Until all run."""
    deadline = time.monotonic() + PATIENCE
    while total(pod.metrics(), r'once_tasks\{[^}]*phase="running"\}') < tasks:
        if time.monotonic() > deadline:
            sys.exit("the pod does not run its %d tasks after %d s; its log: %s" %
                     (tasks, PATIENCE, pod.logs["application"]))
        pod.check()
        time.sleep(0.1)


def example_of(parameter):
    schema = parameter.get("schema", {})
    for place in (parameter, schema):
        for key in ("example", "default"):
            if key in place:
                return str(place[key])
    return str(schema["enum"][0]) if schema.get("enum") else None


def known_values(pod, given):
    """What parameters may be called, by their names."""
    values = {"key": "customer-0000000"}
    topology = json.loads(pod.get("/v1/topology")[2])
    for node in topology.get("nodes", []):
        if node.get("kind") == "aggregate":
            values.setdefault("aggregate", node["name"])
    values.update(pair.split("=", 1) for pair in given)
    return values


def endpoints(description, values):
    """Returns [(template, path or None, documented statuses, the parameter without a value or None)]."""
    found = []
    components = description.get("components", {}).get("parameters", {})
    for template, item in description["paths"].items():
        if "get" not in item:
            continue
        path, query, missing = template, [], None
        for parameter in item.get("parameters", []) + item["get"].get("parameters", []):
            if "$ref" in parameter:
                parameter = components[parameter["$ref"].rsplit("/", 1)[-1]]
            name = parameter["name"]
            in_path = parameter["in"] == "path"
            if not in_path and not (parameter["in"] == "query" and parameter.get("required")):
                continue
            value = values.get(name, example_of(parameter))
            if value is None:
                missing = name
            elif in_path:
                path = path.replace("{%s}" % name, value)
            else:
                query.append(name + "=" + value)
        unfilled = re.search(r"\{(\w+)\}", path)
        missing = missing or (unfilled.group(1) if unfilled else None)
        path += "?" + "&".join(query) if query else ""
        found.append((template, None if missing else path, set(item["get"]["responses"]), missing))
    return found


class Load:
    """What the pod does meanwhile, by its own word."""

    def __init__(self, pod):
        self.pod = pod
        self.first_at = self.last_at = self.moved_at = time.monotonic()
        self.first = self.last = processed(pod.metrics())
        self.longest_gap = 0.0

    def look(self):
        now = time.monotonic()
        if now - self.last_at < ASK_LOAD_EVERY:
            return
        count = processed(self.pod.metrics())
        if count > self.last:
            self.moved_at = now
        self.longest_gap = max(self.longest_gap, now - self.moved_at)
        self.last, self.last_at = count, now

    def rate(self):
        return (self.last - self.first) / max(self.last_at - self.first_at, 1e-9)


def rank(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))]


def measure(pod, arguments):
    """Returns whether all answers were such as the description has."""
    values = known_values(pod, arguments.value)
    found = endpoints(json.loads(pod.get("/openapi.json")[2]), values)
    times = {template: [] for template, path, _, _ in found if path}
    statuses = {template: {} for template in times}
    sizes = dict.fromkeys(times, 0)
    load = Load(pod)
    ends = time.monotonic() + arguments.seconds
    while time.monotonic() < ends:
        for template, path, _, _ in found:
            if path is None:
                continue
            seconds, status, body = pod.get(path)
            times[template].append(seconds * 1e3)
            statuses[template][status] = statuses[template].get(status, 0) + 1
            sizes[template] = max(sizes[template], len(body))
            load.look()
        pod.check()
    is_good = True
    for template, path, documented, missing in found:
        if path is None:
            print("endpoint=%s not asked for: give --value=%s=…" % (template, missing))
            continue
        sample = sorted(times[template])
        odd = [status for status in statuses[template] if str(status) not in documented and "default" not in documented]
        is_good = is_good and not odd
        print("endpoint=%s requests=%d p50_ms=%.2f p99_ms=%.2f max_ms=%.2f bytes=%d statuses=%s%s" % (
            template, len(sample), rank(sample, 0.5), rank(sample, 0.99), sample[-1], sizes[template],
            ",".join(str(status) for status in sorted(statuses[template])),
            " (not all of them are described)" if odd else ""))
    print("load events_per_second=%.0f of=%d tasks=%d lag_events=%.0f longest_gap_ms=%.0f" % (
        load.rate(), arguments.rate, arguments.tasks, total(pod.metrics(), r"once_lag_events\{[^}]*\}"),
        load.longest_gap * 1e3))
    return is_good


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(os.path.join(arguments.work, "log"), exist_ok=True)
    pod = None
    try:
        pod = Pod(arguments)
        await_tasks(pod, arguments.tasks)
        return 0 if measure(pod, arguments) else 1
    finally:
        if pod is not None:
            pod.stop()


if __name__ == "__main__":
    sys.exit(main())
