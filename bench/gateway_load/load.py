#!/usr/bin/env python3
"""The load of bench/gateway: starts a gateway, sends transactions, prints a line for each case."""

import argparse
import collections
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


class Gateway:
    """Its process; started anew it gets the port that it had."""

    def __init__(self, options, name):
        self.options = options
        self.name = name
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.options.gateway, "--bootstrap_servers=" + self.options.bootstrap_servers,
             "--listen=127.0.0.1:%d" % self.port, "--name=" + self.name,
             "--create_topics=" + ",".join(self.options.topics)], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"serving at http://127\.0\.0\.1:(\d+)/", line)
            if found:
                self.port = int(found[1])
                # What it says later is read on, so that it never waits for us.
                lines = self.process.stderr
                threading.Thread(target=lambda: [None for _ in lines], daemon=True).start()
                return
            sys.stderr.write(line)
        raise RuntimeError("the gateway does not serve")

    def kill(self):
        self.process.kill()
        self.process.wait()


def read_all(port, topic):
    """How often each event ID is in the topic, under read_committed."""
    found = collections.Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for partition in range(4):
        offset = 0
        while True:
            connection.request("GET", "/api/v1/consumer/messages?topic=%s&partition=%d&offset=%d&count=1000" %
                               (topic, partition, offset))
            answer = json.loads(connection.getresponse().read())
            found.update(message["event_id"] for message in answer["messages"])
            if answer["complete"] and answer["next"][str(partition)] == offset:
                break
            offset = answer["next"][str(partition)]
    return found


def retry_until_answered(gateway, body, key):
    """A client as it should be: the same request with the same key, until there is an answer."""
    retries = 0
    while True:
        try:
            Client(gateway.port).post("transaction", body, key)
            return retries
        except (OSError, http.client.HTTPException, RuntimeError):
            retries += 1
            time.sleep(0.05)


def run_killed(options, gateway):
    """Kills the gateway in the middle of the load, three times. Returns whether every event is there once."""
    end = time.monotonic() + max(options.seconds, 10)
    requests = [0] * options.clients
    retries = [0] * options.clients

    def work(number):
        while time.monotonic() < end:
            name = "%d-%d" % (number, requests[number])
            body = {"events": events(options, requests[number])}
            for i, event in enumerate(body["events"]):
                event["event_id"] = "killed-%s-%d" % (name, i)
            retries[number] += retry_until_answered(gateway, body, name)
            requests[number] += 1

    threads = [threading.Thread(target=work, args=(i,)) for i in range(options.clients)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(max(options.seconds, 10) / 5)
        gateway.kill()
        gateway.start()
    for thread in threads:
        thread.join()
    found = collections.Counter()
    for topic in options.topics:
        found.update(read_all(gateway.port, topic))
    found = {name: count for name, count in found.items() if name.startswith("killed-")}
    sent = {"killed-%d-%d-%d" % (client, request, i) for client, count in enumerate(requests) for request in range(count)
            for i in range(options.events)}
    lost = len(sent - set(found))
    doubled = sum(1 for count in found.values() if count > 1)
    foreign = len(set(found) - sent)
    print("case=killed clients=%d requests=%d kills=3 retries=%d events=%d lost=%d doubled=%d unknown=%d" %
          (options.clients, sum(requests), sum(retries), len(sent), lost, doubled, foreign), flush=True)
    return lost == doubled == foreign == 0


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
    gateway = Gateway(options, name)
    is_right = False
    try:
        for case in ("plain", "keyed", "explicit"):
            run_case(case, options, gateway.port)
        is_right = run_killed(options, gateway)
    finally:
        gateway.process.terminate()
        gateway.process.wait(60)
    return 0 if is_right and gateway.process.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
