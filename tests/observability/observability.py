"""What docker/observability asks for is what pods expose: names and labels are those of docs/metrics.md, which
tests/http/metrics_test.cc compares with the exposition. Where promtool is installed (Debian's package prometheus), it checks and
tries the rules."""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
HERE = os.path.join(TREE, "docker", "observability")
ROW = re.compile(r"^\| `(once_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
NAME = re.compile(r"\bonce_\w+")
SELECTOR = re.compile(r"(once_\w+)\{([^}]*)\}")
# What Prometheus and Grafana add to every series.
ADDED = {"instance", "job", "le"}


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def documented():
    """Returns {series: its labels}, those of a histogram under their own names."""
    series = {}
    for name, kind, labels in ROW.findall(read(TREE, "docs", "metrics.md")):
        labels = set(re.findall(r"`(\w+)`", labels)) | ADDED
        suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        for suffix in suffixes:
            series[name + suffix] = labels
    return series


def expressions():
    """Yields (where, PromQL)."""
    for line in read(HERE, "alerts.yaml").splitlines():
        if line.strip().startswith("expr:"):
            yield "alerts.yaml", line.split("expr:", 1)[1]
    for panel in json.loads(read(HERE, "dashboard.json"))["panels"]:
        for target in panel.get("targets", []):
            yield "dashboard.json, " + panel["title"], target["expr"]


class ObservabilityTest(unittest.TestCase):

    def test_every_series_is_documented(self):
        series = documented()
        self.assertGreater(len(series), 30)
        count = 0
        for where, text in expressions():
            names = NAME.findall(text)
            self.assertTrue(names, "%s asks for nothing of a pod's: %s" % (where, text))
            for name in names:
                self.assertIn(name, series, where)
                count += 1
        self.assertGreater(count, 30)

    def test_labels_are_those_of_their_series(self):
        series = documented()
        for where, text in expressions():
            for name, selector in SELECTOR.findall(text):
                for label in re.findall(r"(\w+)\s*[=!]", selector):
                    self.assertIn(label, series[name], "%s: %s" % (where, text))
            known = set().union(*(series[name] for name in NAME.findall(text)))
            for names in re.findall(r"\b(?:by|without|on)\s*\(([^)]*)\)", text):
                for label in re.findall(r"\w+", names):
                    self.assertIn(label, known, "%s: %s" % (where, text))

    def test_every_alert_is_tried(self):
        alerts = re.findall(r"- alert: (\w+)", read(HERE, "alerts.yaml"))
        tried = set(re.findall(r"alertname: (\w+)", read(HERE, "alerts_test.yaml")))
        self.assertEqual(set(alerts), tried)

    def test_promtool_passes_the_rules(self):
        if shutil.which("promtool") is None:
            self.skipTest("promtool is not installed (Debian's package prometheus)")
        for arguments in (["check", "config", "prometheus.yaml"], ["check", "rules", "alerts.yaml"],
                          ["test", "rules", "alerts_test.yaml"]):
            done = subprocess.run(["promtool"] + arguments, cwd=HERE, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
