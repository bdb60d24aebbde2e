"""The page in a browser, on a pod that never was: what a real one would do too seldom.

Skipped, saying so, where there is no Chromium.
"""

import json
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import browser  # noqa: E402
import cases  # noqa: E402
import fake_pod  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "processor", "http", "page")
HOSTILE = fake_pod.HOSTILE

# Texts whose contrast with what is behind them is below what WCAG's AA wants: 4.5, or 3 for large ones.
CONTRAST = r"""
const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const parse = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (node) => { for (let each = node; each; each = each.parentElement) {
  const color = parse(getComputedStyle(each).backgroundColor); if (color[3] === 255) return color; } return [255, 255, 255, 255]; };
const bad = [];
for (const node of document.querySelectorAll("body *")) {
  const text = [...node.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join("");
  if (!text || node.closest("svg, noscript") || node.offsetParent === null || node.closest(":disabled")) continue;
  const style = getComputedStyle(node);
  const [x, y] = [light(parse(style.color)), light(behind(node))];
  const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  const size = parseFloat(style.fontSize);
  if (ratio < (size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5)) bad.push(`${text}: ${ratio.toFixed(2)}`);
}
return bad;
"""

# Controls that a screen reader would have no name for.
NAMELESS = """
return [...document.querySelectorAll("button, a[href], input, textarea, [tabindex='0'], [role=img], meter, progress, dialog[open]")]
  .filter((node) => node.offsetParent !== null || node.closest("svg"))
  .filter((node) => !(node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length ||
    node.getAttribute("aria-labelledby"))).map((node) => node.outerHTML.slice(0, 120));
"""


class Page:
    """A browser at the page of a pod."""

    def __init__(self, driver, pod):
        self.driver, self.pod = driver, pod

    def open(self, hash_=""):
        self.driver.get("about:blank")
        self.driver.get(self.pod.url + ("#/" + hash_ if hash_ else ""))
        return self

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, what, timeout=15):
        """Until the expression is true; returns what it is then."""
        until = time.monotonic() + timeout
        while True:
            value = self.js("return " + what)
            if value:
                return value
            if time.monotonic() > until:
                raise AssertionError("%s is not so after %d s; the page says:\n%s" % (what, timeout, self.text()))
            time.sleep(0.05)

    def text(self):
        return self.js("return document.body.innerText")

    def says(self, text, timeout=15):
        return self.wait("document.body.innerText.includes(%s)" % json.dumps(text), timeout)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, name):
        """The one control of that text or label."""
        node = self.js("return [...document.querySelectorAll('button, a[href]')].filter((n) => n.offsetParent !== null && "
                       "(n.getAttribute('aria-label') === arguments[0] || n.textContent.trim() === arguments[0]))[0]", name)
        assert node is not None, "there is no %s in:\n%s" % (name, self.text())
        node.click()

    def complaints(self):
        """What the browser has refused or failed at. Answers that are refused on purpose are not meant."""
        return [each["message"] for each in self.driver.get_log("browser") if "Failed to load resource" not in each["message"]]


class OnDesk(unittest.TestCase):
    """One browser for all; each test has a pod of its own."""

    size = (1280, 900)
    dark = False

    @classmethod
    def setUpClass(cls):
        cls._context = browser.browser(*cls.size, dark=cls.dark)
        cls.driver = cls._context.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls._context.__exit__(None, None, None)

    def setUp(self):
        self.pod = fake_pod.FakePod(PAGE)
        self.addCleanup(self.pod.close)
        self.page = Page(self.driver, self.pod)
        self.driver.get_log("browser")

    def tearDown(self):
        self.assertEqual(self.page.complaints(), [])
        elsewhere = [name for name in self.page.js("return performance.getEntries().map((e) => e.name)")
                     if name.startswith("http") and not name.startswith(self.pod.url)]
        self.assertEqual(elsewhere, [], "the page asks nobody but its pod")


class Views(OnDesk):
    def test_rates_on_the_edges(self):
        self.page.open()
        for edge in range(2):
            self.page.wait(r"/^[\d,]{5}\/s$/.test(document.querySelectorAll('.topology .rate')[%d]?.textContent)" % edge)
        self.assertIn("orders", self.page.js("return document.querySelector('.topology').textContent"))
        self.assertTrue(self.page.js("return document.title").startswith("Overview · order-totals"))
        self.page.wait("document.querySelector('.figure .value').textContent.endsWith('/s')")

    def test_lag_restore_and_why_a_task_failed(self):
        self.pod.tasks[1].update(phase="restoring", restore={"done": 43, "target": 100, "seconds_left": 12.0})
        self.pod.tasks[2].update(phase="failed", why="its changelog was deleted")
        self.pod.tasks[3] = fake_pod.task(3, lag=1234)
        self.page.open("tasks")
        self.page.says("orders-3")
        self.assertIn("1,234", self.page.text())
        self.page.click("orders-2")
        self.page.says("its changelog was deleted")
        self.page.says("Try again")
        self.page.click("orders-1")
        self.page.says("43 %, 43 of 100 records, 12 s left")
        self.page.click("failed 1")
        self.assertEqual(self.page.js("return document.querySelectorAll('tr.row').length"), 1)
        self.page.click("State")
        self.assertEqual(self.page.js("return document.querySelector('[aria-sort=ascending]').innerText.trim()"), "State")

    def test_a_thousand_tasks(self):
        self.pod.tasks = [fake_pod.task(i, lag=(i * 7919) % 200000) for i in range(1000)]
        self.pod.tasks[777].update(phase="failed", why="its changelog was deleted")
        self.page.open()
        self.page.wait("document.querySelectorAll('.groups .cell').length === 1000")
        self.assertEqual(self.page.js("return document.querySelectorAll('.groups .cell[data-phase=failed]').length"), 1)
        self.assertEqual(self.page.js("return document.querySelectorAll('.groups .cell[tabindex=\"0\"]').length"), 1,
                         "one stop for the tabulator, and arrows from there")
        self.page.press("2")
        self.page.wait("document.querySelectorAll('tr.row').length > 0")
        self.assertEqual(self.page.js("return document.querySelector('tr.row th').innerText.trim()"), "orders-777",
                         "what has failed stands first")
        self.assertLess(self.page.js("return document.querySelectorAll('tr.row').length"), 200)
        began = time.monotonic()
        self.page.press("/", "orders-99")
        self.page.wait("document.querySelectorAll('tr.row').length === 11")
        self.assertLess(time.monotonic() - began, 2)

    def test_no_tasks_and_nothing_blocked(self):
        self.pod.tasks = []
        self.page.open()
        self.page.says("the group has given no partitions")
        self.page.says("Nothing is blocked")
        self.page.says("None since these pods started")
        self.page.open("blocked").says("every event goes on")
        self.page.open("letters").says("There are none like that")
        self.page.open("audit").says("Nobody has sent a command yet")

    def test_pods_that_are_silent(self):
        self.pod.pods = ["a", "b", "c"]
        self.pod.silent = {"b": "no answer within 2 s"}
        self.page.open()
        self.page.says("1 pod silent")
        self.page.says("no answer within 2 s; not heard yet")
        self.pod.silent = {}
        self.page.says("3 pods ready")

    def test_a_pod_that_no_longer_answers(self):
        self.page.open().says("live")
        self.pod.is_down = True
        self.page.wait("/The pod has not answered for \\d/.test(document.getElementById('banner').innerText)", 20)
        self.page.wait("document.body.hasAttribute('data-stale')", 20)
        self.assertEqual(self.page.js("return document.getElementById('health').textContent"), "stale")
        self.assertIn("order-totals", self.page.text(), "what was known stays")
        self.pod.is_down = False
        self.page.wait("document.getElementById('banner').hidden && !document.body.hasAttribute('data-stale')")

    def test_what_the_pod_lacks_is_said(self):
        self.pod.missing = {"/v1/dead-letters", "/v1/audit", "/v1/commands", "/v1/parked"}
        self.pod.parked = [fake_pod.parked("alice")]
        self.page.open("letters").says("This pod shows no letters by HTTP")
        self.page.open("audit").says("This pod shows no audit by HTTP")
        self.page.open("blocked").says("there is no such path")
        self.page.open("aggregate/customer/alice").says("This pod shows no states by HTTP")
        self.page.open("tasks").says("orders-0")
        self.page.click("orders-0")
        self.page.click("Pause: task orders-0")
        self.page.says("This pod takes no commands by HTTP")
        self.assertTrue(self.page.js("return [...document.querySelectorAll('dialog button')].at(-1).disabled"))

    def test_the_story_of_an_aggregate(self):
        self.pod.parked = [fake_pod.parked("alice/ü?#%")]
        self.pod.letters = [self.letter("alice/ü?#%")]
        self.pod.story = fake_pod.story({"orderCount": "7"}, {"cents": "-5"})
        self.page.open("blocked").says("alice/ü?#%")
        self.page.click("alice/ü?#%")
        self.page.says("orderCount")
        self.page.says("\"cents\": \"-5\"")
        self.page.wait("document.querySelectorAll('.letters .letter').length === 1")
        asked = [path for _, path, _, _ in self.pod.requests if path.startswith("/v1/aggregates/")]
        self.assertEqual(asked[0], "/v1/aggregates/customer/alice%2F%C3%BC%3F%23%25")

    @staticmethod
    def letter(key, message="no rate"):
        return {"place": "0/7", "time": fake_pod.stamp(60), "disposition": "failed", "reason": "INTERNAL", "key": key,
                "event_id": "e1", "event_type": "orders.v1.OrderPlaced", "origin": "orders-0-7", "blocked_by": "", "round": "",
                "message": message, "value": {"note": message}}

    def test_keys_and_messages_are_text_whatever_they_are(self):
        self.pod.parked = [fake_pod.parked(HOSTILE, reason="INTERNAL: " + HOSTILE)]
        self.pod.letters = [self.letter(HOSTILE, HOSTILE)]
        self.pod.tasks[0].update(phase="failed", why=HOSTILE, name=HOSTILE)
        self.pod.topology["sinks"][0]["name"] = self.pod.topology["nodes"][0]["emits_to"][0] = HOSTILE
        self.pod.pods = [HOSTILE]
        self.pod.story = fake_pod.story({HOSTILE: HOSTILE}, HOSTILE, HOSTILE)
        self.pod.audit = [{"time": fake_pod.stamp(), "command_id": "1", "issuer": HOSTILE, "command": HOSTILE, "about": HOSTILE,
                           "task": HOSTILE, "outcome": "REFUSED", "code": "INTERNAL", "queues": 0, "events": 0,
                           "event_id": "", "reason": HOSTILE, "message": HOSTILE}]
        for view in ("", "tasks", "blocked", "letters", "audit", "aggregate/customer/x"):
            self.page.open(view).says("<img src=x")
            self.assertEqual(self.page.js("return document.querySelectorAll('img, script:not([src]), iframe').length"), 0, view)
            self.assertNotEqual(self.page.js("return document.title"), "broken in")
        self.page.open("blocked").says(HOSTILE)
        self.page.click("Skip event: customer " + HOSTILE)
        self.page.says("customer " + HOSTILE)
        self.page.wait("document.querySelector('.would')?.innerText.includes('<img src=x')")
        self.assertEqual(self.page.js("return document.querySelectorAll('img').length"), 0)


class Commands(OnDesk):
    def setUp(self):
        super().setUp()
        self.pod.parked = [fake_pod.parked("alice"), fake_pod.parked("bob")]

    def test_first_what_it_would_touch_then_the_command_then_what_became_of_it(self):
        self.page.open("blocked").says("alice")
        self.page.click("Release: customer alice")
        self.page.says("It would do \"parked release\" to customer alice")
        self.page.says("1 aggregate, 3 events")
        self.assertEqual([order["dry_run"] for order in self.pod.commands], [True])
        self.page.press("ticket 7")
        self.page.click("Do it")
        self.page.says("Done.")
        self.page.says("applied")
        order = self.pod.commands[-1]
        self.assertEqual(order["command"], "parked release")
        self.assertEqual(order["arguments"], ["customer", "alice"])
        self.assertEqual(order["options"], {"blocked_by": self.pod.parked[0]["event_id"], "because": "ticket 7"})
        self.assertRegex(order["command_id"], "^[0-9a-f]{32}$")
        self.assertNotIn("dry_run", order)

    def test_nothing_is_sent_without_do_it(self):
        self.page.open("blocked").says("alice")
        self.page.click("Discard all: customer alice")
        self.page.says("It would")
        self.page.press("\ue00c")
        self.page.wait("!document.getElementById('dialog').open")
        self.assertTrue(all(order["dry_run"] for order in self.pod.commands))

    def test_a_selection_is_previewed_as_it_is_narrowed(self):
        self.page.open("blocked").says("alice")
        self.page.click("Release all: what is parked of orders")
        self.page.says("It would")
        self.page.js("const field = document.querySelector('dialog label input'); field.focus();")
        self.page.press("INTERNAL")
        self.page.wait("!document.querySelector('dialog button[type=submit]').disabled")
        self.assertEqual(self.pod.commands[-1]["options"], {"all": True, "reason": "INTERNAL"})
        self.assertTrue(self.pod.commands[-1]["dry_run"])


class Tokens(OnDesk):
    TOKEN = "canary-token-of-some-length"

    def setUp(self):
        super().setUp()
        self.pod.token = self.TOKEN

    def enter(self, token):
        self.page.wait("document.querySelector('dialog input[type=password]') === document.activeElement")
        self.page.press(token, "\ue007")

    def test_a_wrong_one_is_refused_and_the_right_one_is_kept_in_the_tab_alone(self):
        self.page.open().says("A token, please")
        self.page.says("the token is missing")
        self.enter("wrong-token-of-some-length")
        self.page.says("That token is not taken")
        self.enter(self.TOKEN)
        self.page.says("order-totals")
        self.page.says("1 pod ready")
        self.page.driver.refresh()
        self.page.says("1 pod ready")
        self.assertEqual(self.page.js("return [document.cookie, JSON.stringify({...localStorage})]"),
                         ["", "{\"once-theme\":\"system\"}"])
        shown = self.page.js("return document.documentElement.outerHTML + location.href")
        self.assertNotIn(self.TOKEN, shown)
        self.assertFalse([path for _, path, _, _ in self.pod.requests if self.TOKEN in path])

    def test_one_that_has_expired_is_asked_for_anew(self):
        self.page.open()
        self.enter(self.TOKEN)
        self.page.says("1 pod ready")
        self.pod.token = "another-token-of-some-length"
        self.page.says("That token is not taken")
        self.enter(self.pod.token)
        self.page.wait("!document.getElementById('dialog').open")
        self.page.says("live")


class ByKeys(OnDesk):
    def test_keys_lead_everywhere(self):
        self.pod.parked = [fake_pod.parked("alice"), fake_pod.parked("bob")]
        self.page.open().says("Blocked longest")
        for key, hash_ in (("2", "#/tasks"), ("3", "#/blocked"), ("4", "#/letters"), ("5", "#/audit"), ("1", "#/")):
            self.page.press(key)
            self.page.wait("location.hash === %s" % json.dumps(hash_))
        self.page.press("3")
        self.page.says("bob")
        self.page.press("j", "j", "k", "j")
        self.assertEqual(self.page.js("return document.activeElement.textContent"), "bob")
        ring = self.page.js("return getComputedStyle(document.activeElement).outlineStyle")
        self.assertEqual(ring, "solid", "what has the focus is seen")
        self.page.press("\ue007")
        self.page.wait("location.hash === '#/aggregate/customer/bob'")
        self.page.press("\ue00c")
        self.page.wait("location.hash === '#/blocked'")
        self.page.press("/", "ali")
        self.page.wait("document.querySelectorAll('tr.row').length === 1")
        self.page.press("\ue00c", "?")
        self.page.says("next and previous row")
        self.page.press("\ue00c")
        self.page.wait("!document.getElementById('dialog').open")
        before = self.page.js("return getComputedStyle(document.body).backgroundColor")
        self.page.press("t", "t")
        self.page.wait("document.documentElement.dataset.theme === 'dark'")
        self.assertNotEqual(self.page.js("return getComputedStyle(document.body).backgroundColor"), before)
        self.page.press("t")

    def test_calm_where_motion_is_not_wanted(self):
        self.page.open().wait("document.querySelectorAll('.flow:not([hidden])').length > 0")
        self.assertEqual(self.page.js("return document.getAnimations().length"), 0)


def scene(pod):
    """Something of everything."""
    pod.tasks = [fake_pod.task(i, lag=(0, 500, 50000, 500000)[i % 4]) for i in range(12)]
    pod.tasks[1].update(phase="failed", why="its changelog was deleted")
    pod.tasks[2].update(phase="restoring", restore={"done": 43, "target": 100, "seconds_left": None})
    pod.tasks[3].update(phase="paused", why="paused by alice")
    pod.tasks[4].update(blocked_aggregates=2)
    pod.pods, pod.silent = ["a", "b", "c"], {"c": "no answer within 2 s"}
    pod.parked = [fake_pod.parked("customer-with-a-rather-long-name-" * 3), fake_pod.parked("bob", state="retrying")]
    pod.letters = [Views.letter("alice")]
    pod.audit = [{"time": fake_pod.stamp(), "command_id": "1", "issuer": "alice@10.0.0.7", "command": "parked skip",
                  "about": "customer bob", "task": "orders/0", "outcome": outcome, "code": "", "queues": 1, "events": 2,
                  "event_id": "e1", "reason": "ticket 7", "message": ""} for outcome in ("APPLIED", "REFUSED")]


class EveryView(OnDesk):
    VIEWS = (("", "Blocked longest"), ("tasks", "orders-0"), ("blocked", "bob"), ("letters", "alice"), ("audit", "ticket 7"),
             ("aggregate/customer/bob", "Its dead letters"))

    def test_names_contrast_and_width(self):
        scene(self.pod)
        for view, text in self.VIEWS:
            with self.subTest(view=view):
                self.page.open(view).says(text)
                self.assertEqual(self.page.js(NAMELESS), [])
                self.assertEqual(self.page.js(CONTRAST), [])
                self.assertLessEqual(self.page.js("return document.documentElement.scrollWidth"), self.size[0])
        self.page.open("blocked").says("bob")
        self.page.click("Skip event: customer bob")
        self.page.says("It would")
        self.assertEqual(self.page.js(CONTRAST) + self.page.js(NAMELESS), [])


class EveryViewDark(EveryView):
    dark = True


class EveryViewOnAPhone(EveryView):
    size = (390, 844)


if __name__ == "__main__":
    cases.main()
