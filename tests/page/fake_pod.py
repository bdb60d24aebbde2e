"""A pod that never was: serves the page's files, and answers as a pod of an application of any size does.

What it tells is as openapi.json says; page_test checks that against a real one.
"""

import copy
import http.server
import json
import os
import threading
import time
import urllib.parse

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          "frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]
COUNTERS = ("processed", "ignored", "duplicates", "failed", "blocked", "rejected", "skipped", "discarded",
            "never_processed", "retries", "outputs", "released_aggregates", "commands")
HOSTILE = "<img src=x onerror=\"document.title='broken in'\">"


def stamp(seconds_ago=0):
    now = time.time() - seconds_ago
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%03dZ" % int(now % 1 * 1000)


def task(partition, phase="running", lag=0, **more):
    name = "orders-%d" % partition
    return dict({
        "name": name, "group": "orders", "partition": partition, "worker": 0, "phase": phase, "why": None,
        "owner_since": stamp(300),
        "inputs": [{"topic": "orders", "partition": partition, "next_offset": 1000 + partition,
                    "end_offset": 1000 + partition + lag, "last_stable_offset": 1000 + partition + lag, "lag": lag,
                    "held_back_seconds": 0}],
        "behind_seconds": 0.4 if lag else None, "restore": None, "blocked_aggregates": 0, "retrying_aggregates": 0,
        "parked_events": 0, "parked_bytes": 0, "oldest_failure_at": None, "oldest_failure_seconds": None,
        "window": {"ids": 2000, "bytes": 64000}, "state_bytes": {"clean": 1 << 20, "dirty": 4096},
        "checkpoint_age_seconds": 1.5}, **more)


def parked(key, reason="INTERNAL: no rate for this customer", state="parked", events=3, seconds=200, partition=0):
    return {"task": "orders-%d" % partition, "group": "orders", "aggregate": key, "state": state, "events": events,
            "event_id": "order-%s" % (abs(hash(key)) % 1000), "reason": reason, "attempts": 1, "since": stamp(seconds),
            "seconds": seconds}


def story(state, value, text="no rate for this customer"):
    """Of an aggregate whose events wait behind one of this value."""
    event = {"place": "0/7", "event_id": text, "event_type": "orders.v1.OrderPlaced", "origin": "orders-0-7", "time": stamp(60),
             "parked_at": stamp(50), "headers": {}, "value": value, "omitted": None}
    return {"aggregate": "customer", "key": text, "partition": 0, "type": "orders.v1.CustomerTotal", "state": state,
            "phase": "parked", "notes": [], "blocked": {
                "task": "orders/0", "reason": "INTERNAL", "message": text, "event_id": text, "attempts": 1,
                "failed_at": stamp(50), "events": 1, "queue": [event]}}


def topology():
    return {"application": "order-totals",
            "sources": [{"name": "orders", "topic": "orders", "group": "orders"}],
            "nodes": [{"name": "customer", "kind": "aggregate", "state": "orders.v1.CustomerTotal",
                       "hears": ["orders"], "emits_to": ["totals"]}],
            "sinks": [{"name": "totals", "topic": "customer-totals", "type": "orders.v1.CustomerTotal"}],
            "dead_letter_topic": "orders.dlq", "changelog_topics": ["order-totals-orders-changelog"]}


class FakePod:
    """Serves on a free port of this machine. Members may be changed while it does."""

    def __init__(self, page_dir, token=None, per_second=4000):
        self.page_dir, self.token, self.per_second = page_dir, token, per_second
        self.tasks = [task(i) for i in range(4)]
        self.parked, self.letters, self.audit = [], [], []
        self.pods = ["order-totals-0"]
        self.silent = {}
        self.topology = topology()
        self.commands = []
        self.story = None
        self.requests = []
        self.missing = set()
        self.is_down = False
        self._began = time.time()
        pod = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                pod._answer(self, None)

            def do_POST(self):
                pod._answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = "http://127.0.0.1:%d/" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _send(self, handler, status, body, content_type="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def _answer(self, handler, body):
        path, _, search = handler.path.partition("?")
        self.requests.append((handler.command, handler.path, dict(handler.headers), body))
        if self.is_down:
            handler.close_connection = True
            handler.connection.close()
            return
        name = path.lstrip("/") or "index.html"
        file = os.path.join(self.page_dir, name)
        if "/" not in name and os.path.splitext(name)[1] in TYPES and os.path.exists(file):
            with open(file, "rb") as opened:
                self._send(handler, 200, opened.read(), TYPES[os.path.splitext(name)[1]],
                           [("Content-Security-Policy", POLICY)])
            return
        if self.token and handler.headers.get("Authorization") != "Bearer " + self.token:
            self._send(handler, 401, {"error": "the token is missing, or is none of those of --http_token_file"})
            return
        if path in self.missing:
            self._send(handler, 404, {"error": "there is no such path; /openapi.json lists them"})
            return
        self._send(handler, *self._api(handler.command, path, dict(urllib.parse.parse_qsl(search)), body))

    def _api(self, method, path, query, body):
        of_all = query.get("scope") == "application"
        if path == "/v1/status":
            return 200, self._of_pods(self._status) if of_all else self._status(0)
        if path == "/v1/tasks":
            return 200, self._of_pods(self._tasks_of) if of_all else {"tasks": self.tasks}
        if path == "/v1/parked":
            return 200, self._of_pods(self._parked_of) if of_all else self._parked_of(0)
        if path == "/v1/topology":
            return 200, self.topology
        if path == "/v1/dead-letters":
            found = [each for each in self.letters if all(query.get(name, "") in ("", each[name])
                                                          for name in ("key", "disposition", "reason"))]
            return 200, {"topic": "orders.dlq", "letters": found[-int(query.get("count", 20)):]}
        if path == "/v1/audit":
            return 200, {"results": self.audit}
        if path.startswith("/v1/aggregates/") and self.story is not None:
            return 200, self.story
        if path == "/v1/commands" and method == "POST":
            return self._command(json.loads(body))
        if path.startswith("/v1/jobs/"):
            return 200, self._job(path.rsplit("/", 1)[1], "done")
        return 404, {"error": "there is no such path; /openapi.json lists them"}

    def _of_pods(self, of):
        rows = []
        for i, instance in enumerate(self.pods):
            why = self.silent.get(instance)
            rows.append({"instance": instance, "address": "10.0.0.%d:8080" % (i + 1), "self": i == 0, "answered": why is None,
                         "why": why, "seconds": 0.002, "answer": None if why else of(i)})
        return {"pods": rows, "incomplete": None}

    def _mine(self, items, i):
        return [each for n, each in enumerate(items) if n % len(self.pods) == i]

    def _tasks_of(self, i):
        return {"tasks": self._mine(self.tasks, i)}

    def _parked_of(self, i):
        return {"aggregates": self._mine(self.parked, i), "not_shown": 0}

    def _status(self, i):
        lasted = time.time() - self._began
        done = int(self.per_second * lasted / len(self.pods))
        mine = self._mine(self.tasks, i)
        events = dict.fromkeys(COUNTERS, 0)
        failed = len(self._mine(self.parked, i))
        events.update(processed=done, outputs=int(done * 0.97), duplicates=done // 20, failed=failed,
                      blocked=sum(each["events"] - 1 for each in self._mine(self.parked, i)))
        commits = int(10 * lasted)
        shape = [0, 0, 0.05, 0.2, 0.5, 0.2, 0.04, 0.01] + [0] * (len(BOUNDS) - 7)
        slower = [0, 0, 0, 0, 0.02, 0.2, 0.5, 0.25, 0.03] + [0] * (len(BOUNDS) - 8)
        phases = {name: sum(each["phase"] == name for each in mine)
                  for name in ("opening", "restoring", "running", "paused", "failed")}
        worker = {
            "worker": 0, "at": stamp(), "tasks": phases, "lag": sum(each["inputs"][0]["lag"] for each in mine),
            "blocked_aggregates": failed, "parked_events": sum(each["events"] for each in self._mine(self.parked, i)),
            "events": events, "commits": commits,
            "aborts": dict.fromkeys(("rebalance", "fenced", "refused", "not_written", "call", "local_state"), 0),
            "latency_seconds": {"bounds": BOUNDS, "commit": [int(commits * x) for x in shape],
                        "event": [int(commits * 5 * x) for x in slower]},
            "dead_letters": [{"disposition": "failed", "reason": "INTERNAL", "count": failed}] if failed else [],
            "nodes": [{"node": "customer", "in": [{"source": "orders", "events": done}],
                       "out": [{"sink": "totals", "events": int(done * 0.97)}], "failed": failed}],
            "producer_rebuilds": 0, "waits_for_memory": False,
            "memory_bytes": {"clean_state": 90 << 20, "dirty_state": 1 << 20, "copies_for_disk": 0, "event_ids": 30 << 20,
                             "parked_queues": 4096, "fetched": 12 << 20, "open_transaction": 1 << 18, "share": 1 << 29},
            "step_seconds": 0, "event_under_way": None, "last_error": None, "last_error_at": None}
        ready = {"ok": True, "why": "ready: %d of %d tasks run" % (phases["running"], len(mine))}
        return {"application": "order-totals", "instance": self.pods[i], "version": "0.1.0", "phase": "running",
                "now": stamp(), "started_at": stamp(lasted), "memory_bytes": 1 << 30, "live": {"ok": True, "why": "alive"},
                "ready": ready, "started": {"ok": True, "why": "started"}, "workers": [worker, {"worker": 1}]}

    def _command(self, order):
        self.commands.append(copy.deepcopy(order))
        if order.get("dry_run"):
            return 200, {"would": "do \"%s\" to %s" % (order["command"], " ".join(order["arguments"])), "aggregates": 1,
                         "events": 3}
        return 202, self._job(order["command_id"], "pending")

    def _job(self, id_, state):
        results = [{"task": "orders/0", "outcome": "APPLIED", "code": "", "queues": 1, "events": 3, "message": ""}]
        return {"id": id_, "url": "/v1/jobs/" + id_, "state": state, "command": "parked release", "issuer": "http@127.0.0.1",
                "asked_at": stamp(), "code": None, "message": None, "results": results if state == "done" else []}
