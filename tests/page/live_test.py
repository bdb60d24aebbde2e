"""The page in a browser, on two pods and a real broker: what is shown is so, commands take effect, others are refused.

  live_test.py DIRECTORY_OF_PROGRAMS...

Skipped, saying so, where there is no Chromium.
"""

import http.server
import json
import os
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import browser  # noqa: E402
import cases  # noqa: E402
import world  # noqa: E402
from page_test import Page  # noqa: E402

PROGRAMS = []


class Pod:
    def __init__(self, url):
        self.url = url


def serve_elsewhere(html):
    """A page of another site, and where it is."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            data = html.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, "http://127.0.0.1:%d/" % server.server_address[1]


class LivePage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._contexts = [world.running(PROGRAMS, token=world.TOKEN), browser.browser()]
        cls.world, cls.driver = [context.__enter__() for context in cls._contexts]
        cls.world.fail("customer-0000003", "customer-0000005", "customer-0000007")
        cls.world.start_orders(rate=500)

    @classmethod
    def tearDownClass(cls):
        for context in reversed(cls._contexts):
            context.__exit__(None, None, None)

    def setUp(self):
        self.page = Page(self.driver, Pod(self.world.url()))

    def sign_in(self, hash_=""):
        self.page.open(hash_)
        self.page.wait("document.getElementById('dialog').open || document.getElementById('fresh').textContent === 'live'")
        if self.page.js("return document.getElementById('dialog').open"):
            self.page.press(world.TOKEN, "\ue007")
        self.page.says("live")
        return self.page

    def blocked(self):
        return {row["aggregate"]: row for pod in self.world.status("v1/parked?scope=application")["pods"]
                if pod["answered"] for row in pod["answer"]["aggregates"]}

    def test_1_a_wrong_token_is_refused(self):
        self.page.open().says("A token, please")
        self.page.press("wrong-token-of-some-length", "\ue007")
        self.page.says("That token is not taken")
        self.assertNotIn("orders", self.page.js("return document.getElementById('view').innerText"))
        self.page.press(world.TOKEN, "\ue007")
        self.page.says("live")

    def test_2_all_pods_and_rates_are_shown(self):
        self.sign_in()
        self.page.says("a (this one)")
        self.page.wait("document.querySelectorAll('.pods tbody tr[data-level=ok]').length === 2", 60)
        self.page.wait("document.querySelectorAll('.groups .cell').length === 12")
        # Orders go to a total and to one of two other topics.
        self.page.wait("[...document.querySelectorAll('.topology .rate')].filter((n) => /\\/s$/.test(n.textContent) && "
                       "parseFloat(n.textContent) > 0).length >= 5", 60)
        flows = [worker["nodes"] for pod in self.world.status("v1/status?scope=application")["pods"] if pod["answered"]
                 for worker in pod["answer"]["workers"]]
        self.assertEqual({node["node"] for nodes in flows for node in nodes}, {"sort", "customer"})

    def test_3_a_blocked_aggregate_is_released_from_the_page(self):
        self.sign_in("blocked")
        self.page.says("customer-0000003", 60)
        self.page.says("INTERNAL: no rate for this customer")
        self.page.click("customer-0000003")
        self.page.wait("document.querySelectorAll('.story .letter').length > 0", 30)
        self.page.wait("document.querySelectorAll('.letters .letter').length > 0", 30)
        self.world.fail("customer-0000005", "customer-0000007")
        self.page.click("Release: customer customer-0000003")
        self.page.wait("document.querySelector('.would')?.innerText.includes('customer-0000003')", 30)
        self.assertIn("customer-0000003", self.blocked(), "nothing is done yet")
        self.page.press("ticket 7")
        self.page.click("Do it")
        self.page.says("Done.", 60)
        self.world.until(lambda: "customer-0000003" not in self.blocked())
        results = json.loads(self.world.ask("v1/audit")[1])["results"]
        self.assertEqual([(each["command"], each["outcome"], each["reason"]) for each in results],
                         [("release", "APPLIED", "ticket 7")])
        self.assertTrue(results[0]["issuer"].startswith("tester@"), results[0]["issuer"])
        self.page.open("aggregate/customer/customer-0000003").says('"order_count"', 30)
        self.page.open("audit").says("ticket 7", 30)

    def test_4_a_task_is_paused_and_resumed(self):
        self.sign_in("tasks")
        name = self.page.wait("document.querySelector('tr.row th')?.innerText.trim()")
        self.page.click(name)
        for verb, other in (("Pause", "Resume"), ("Resume", "Pause")):
            self.page.wait("[...document.querySelectorAll('.detail button')].some((n) => n.textContent === %s)" % json.dumps(verb), 30)
            self.page.click("%s: task %s" % (verb, name))
            self.page.wait("document.querySelector('dialog .would')?.innerText.startsWith('It would')", 30)
            self.page.click("Do it")
            self.page.says("Done.", 60)
            self.page.press("\ue00c")
            self.page.wait("!document.getElementById('dialog').open")

    def test_5_another_sites_page_changes_nothing(self):
        before = len(json.loads(self.world.ask("v1/audit")[1])["results"])
        order = {"command": "parked discard", "arguments": ["customer", "customer-0000005"]}
        script = """<script>
          const ask = (how) => fetch("%sv1/commands", {method: "POST", body: %s, ...how}).then(() => "answered", () => "refused");
          window.done = Promise.all([ask({headers: {"Content-Type": "application/json", Authorization: "Bearer %s"}}),
            ask({mode: "no-cors", headers: {"Content-Type": "text/plain"}}), ask({mode: "no-cors"})]);
        </script>""" % (self.world.url(), json.dumps(json.dumps(order)), world.TOKEN)
        server, url = serve_elsewhere(script)
        try:
            self.driver.get(url)
            self.driver.execute_async_script("const end = arguments[0]; window.done.then((all) => end(all))")
        finally:
            server.shutdown()
            server.server_close()
        for headers in ({"Origin": url.rstrip("/")}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            self.assertEqual(self.world.ask("v1/commands", method="POST", body=order, headers=headers)[0], 403, headers)
        self.assertIn("customer-0000005", self.blocked())
        self.assertEqual(len(json.loads(self.world.ask("v1/audit")[1])["results"]), before)
        self.driver.get("about:blank")

    def test_6_secrets_are_shown_nowhere(self):
        shown = {}
        for path in ("", "livez", "readyz", "metrics", "openapi.json", "v1/status", "v1/status?scope=application", "v1/tasks",
                     "v1/parked", "v1/topology", "v1/audit", "v1/dead-letters", "v1/aggregates/customer/customer-0000005"):
            shown[path] = self.world.ask(path)[1]
        self.sign_in()
        shown["the page"] = self.page.js("return document.documentElement.outerHTML + location.href + document.cookie")
        for pod in self.world.pods:
            shown["log of " + pod] = self.world.log("pod-" + pod)
        for where, text in shown.items():
            self.assertNotIn(world.CANARY, text, where)
            self.assertNotIn(world.TOKEN, text, where)

    def test_7_a_pod_that_dies_is_shown(self):
        self.sign_in()
        self.page.wait("document.querySelectorAll('.pods tbody tr[data-level=ok]').length === 2", 60)
        self.world.pods["b"][0].kill()
        self.page.says("silent", 30)
        self.page.wait("document.querySelectorAll('.pods tbody tr').length === 1", 60)
        self.page.wait("document.querySelectorAll('.groups .cell').length === 12", 60)


if __name__ == "__main__":
    PROGRAMS += [os.path.realpath(each) for each in sys.argv[1:]]
    cases.main()
