#!/usr/bin/env python3
"""The load of bench/gateway: starts a gateway, sends transactions, prints a line for each case."""

import argparse
import http.client
import json
import re
import subprocess
import sys
import threading
import time
import uuid


class Client:
    """One connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.seconds = []

    def post(self, path, body, key=None):
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        self.connection.request("POST", "/api/v1/producer/" + path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError("%s: %d: %s" % (path, answer.status, text.decode()))
        return json.loads(text)


def events(options, number):
    return [{"topic": options.topics[i % 2], "key": "k%d" % (number % 1000), "value_text": "x" * 100}
            for i in range(options.events)]


def run_one(case, options, client, number):
    if case == "explicit":
        transaction = client.post("begin", {})["transaction_id"]
        client.post("send", {"transaction_id": transaction, "events": events(options, number)})
        client.post("commit", {"transaction_id": transaction})
    else:
        client.post("transaction", {"events": events(options, number)}, str(uuid.uuid4()) if case == "keyed" else None)


def commits(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    return int(float(re.search(r"(?m)^once_gateway_commits_total (\S+)", connection.getresponse().read().decode())[1]))


def run_case(case, options, port):
    count = max(options.clients // 2, 1) if case == "explicit" else options.clients
    clients = [Client(port) for _ in range(count)]
    failures = []
    end = time.monotonic() + options.seconds
    before = commits(port)

    def work(client):
        try:
            while time.monotonic() < end:
                start = time.monotonic()
                run_one(case, options, client, len(client.seconds))
                client.seconds.append(time.monotonic() - start)
        except Exception as error:  # Whatever it is, the figure would be none.
            failures.append(error)

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    if failures:
        raise failures[0]
    all_seconds = sorted(each for client in clients for each in client.seconds)
    total = len(all_seconds)
    print("case=%s clients=%d requests=%d seconds=%.1f requests_per_second=%.0f events_per_second=%.0f median_ms=%.1f "
          "p99_ms=%.1f kafka_commits=%d" %
          (case, count, total, seconds, total / seconds, total * options.events / seconds,
           1000 * all_seconds[total // 2], 1000 * all_seconds[total * 99 // 100], commits(port) - before), flush=True)


def await_port(process):
    for line in process.stderr:
        found = re.search(r"serving at http://127\.0\.0\.1:(\d+)/", line)
        if found:
            # What it says later is read on, so that it never waits for us.
            threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True).start()
            return int(found[1])
        sys.stderr.write(line)
    raise RuntimeError("the gateway does not serve")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap_servers", required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--events", type=int, default=4)
    options = parser.parse_args()
    name = "gateway-bench-%d" % time.time()
    options.topics = [name + "-a", name + "-b"]
    process = subprocess.Popen([options.gateway, "--bootstrap_servers=" + options.bootstrap_servers,
                                "--listen=127.0.0.1:0", "--name=" + name,
                                "--create_topics=" + ",".join(options.topics)], stderr=subprocess.PIPE, text=True)
    try:
        port = await_port(process)
        for case in ("plain", "keyed", "explicit"):
            run_case(case, options, port)
    finally:
        process.terminate()
        process.wait(60)
    return 0 if process.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
