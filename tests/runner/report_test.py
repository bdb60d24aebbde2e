"""What ./test counts and shows, from events as Bazel writes them."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import report

PASSED_XML = """<testsuites><testsuite name="A">
<testcase name="One" status="run" result="completed" classname="A"/>
<testcase name="Two" status="run" result="completed" classname="A"/>
<testcase name="Off" status="notrun" result="suppressed" classname="A"/>
<testcase name="Skip" status="run" result="skipped" classname="A"><skipped message=""/></testcase>
</testsuite></testsuites>"""
FAILED_XML = """<testsuites><testsuite name="A">
<testcase name="One" status="run" result="completed" classname="A"/>
<testcase name="Two" status="run" result="completed" classname="A">
<failure message="a.cc:3&#x0A;Expected equality"/></testcase>
</testsuite></testsuites>"""
CRASHED_XML = """<testsuites><testsuite name="a"><testcase name="a" status="run">
<error message="exited with error code 134"></error></testcase></testsuite></testsuites>"""


class ReportTest(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.events = []

    def path(self, name, text=None):
        path = os.path.join(self.directory, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def add_test(self, label, status, xml=None, log="", attempt=1, shard=1):
        outputs = [{"name": "test.log", "uri": "file://" + self.path("%d.log" % len(self.events), log)}]
        if xml:
            outputs.append({"name": "test.xml", "uri": "file://" + self.path("%d.xml" % len(self.events), xml)})
        ident = {"label": label, "run": 1, "shard": shard, "attempt": attempt}
        self.add("testResult", ident, "testResult", {"status": status, "testActionOutput": outputs})

    def add(self, kind, ident, key, payload):
        self.events.append({"id": {kind: ident}, key: payload})

    def run_report(self, exit_code=0, log="ERROR: it broke\n"):
        """Returns passed, failed, skipped and the printed text."""
        events = self.path("events", "".join(json.dumps(event) + "\n" for event in self.events))
        totals = self.path("totals")
        if os.path.exists(totals):
            os.remove(totals)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = report.main(["--events=" + events, "--exit_code=%d" % exit_code, "--totals=" + totals,
                                "--log=" + self.path("bazel.log", log)])
        with open(totals, encoding="utf-8") as file:
            counts = json.load(file)
        self.assertEqual(code, 1 if counts["failed"] else 0)
        return counts["passed"], counts["failed"], counts["skipped"], printed.getvalue()

    def test_counts_cases(self):
        self.add_test("//a:a", "PASSED", PASSED_XML)
        self.assertEqual(self.run_report(), (2, 0, 1, ""))

    def test_a_target_without_cases_counts_as_one(self):
        self.add_test("//a:a", "PASSED")
        self.assertEqual(self.run_report()[:3], (1, 0, 0))

    def test_a_failed_case_is_shown_with_its_gist_and_log(self):
        self.add_test("//a:a", "FAILED", FAILED_XML)
        passed, failed, _, text = self.run_report(3)
        self.assertEqual((passed, failed), (1, 1))
        self.assertIn("FAILED //a:a A.Two\n      a.cc:3\n      Expected equality\n      log: ", text)

    def test_a_crash_shows_what_the_log_tells(self):
        self.add_test("//a:a", "FAILED", CRASHED_XML, "noise\n==1==ERROR: AddressSanitizer: heap-use-after-free\nmore\n")
        passed, failed, _, text = self.run_report(3)
        self.assertEqual((passed, failed), (0, 1))
        self.assertIn("heap-use-after-free", text)
        self.assertNotIn("noise", text)

    def test_a_script_that_fails_shows_its_last_exception(self):
        self.add_test("//a:a", "FAILED", CRASHED_XML, "noise\nTraceback\nOSError: disk gone\nexit code 2, not 0: FAIL\n")
        text = self.run_report(3)[3]
        self.assertIn("OSError: disk gone\n      exit code 2", text)
        self.assertNotIn("noise", text)

    def test_a_target_that_fails_after_its_cases_passed_is_a_failure(self):
        self.add_test("//a:a", "FAILED", PASSED_XML, "SUMMARY: LeakSanitizer\n")
        passed, failed, _, text = self.run_report(3)
        self.assertEqual((passed, failed), (2, 1))
        self.assertIn("LeakSanitizer", text)

    def test_a_timeout_is_a_failure(self):
        self.add_test("//a:a", "TIMEOUT")
        self.assertEqual(self.run_report(3)[:2], (0, 1))

    def test_the_last_attempt_and_every_shard_count(self):
        self.add_test("//a:a", "FAILED", FAILED_XML, attempt=1, shard=1)
        self.add_test("//a:a", "PASSED", PASSED_XML, attempt=2, shard=1)
        self.add_test("//a:a", "PASSED", PASSED_XML, shard=2)
        self.assertEqual(self.run_report()[:2], (4, 0))

    def test_what_does_not_build_is_a_failure_with_the_compiler_s_words(self):
        stderr = self.path("stderr", "note\na.cc:1: error: expected ';'\n")
        self.add("actionCompleted", {"label": "//a:a"}, "action", {"exitCode": 1, "stderr": {"uri": "file://" + stderr}})
        self.add("targetCompleted", {"label": "//a:a"}, "completed", {})
        self.add("targetCompleted", {"label": "//a:b"}, "completed", {})
        self.add("targetCompleted", {"label": "//a:c"}, "completed", {"success": True})
        passed, failed, _, text = self.run_report(1)
        self.assertEqual((passed, failed), (0, 2))
        self.assertIn("//a:a does not build\n      a.cc:1: error: expected ';'", text)
        self.assertIn("//a:b does not build\n      something that it needs", text)

    def test_a_missing_file_is_named(self):
        self.add("targetCompleted", {"label": "//a/b:c"}, "completed", {})
        self.path("bazel.log", "ERROR: /x/a/BUILD.bazel:1:1: another\nERROR: /x/a/b/BUILD.bazel:6:11: missing input file\n")
        _, failed, _, text = self.run_report(1, log=None)
        self.assertEqual(failed, 1)
        self.assertIn("missing input file", text)
        self.assertNotIn("another", text)

    def test_a_bazel_that_ends_without_a_word_is_a_failure(self):
        # 4: a filter has left no test, so nothing was tested.
        for exit_code in (1, 2, 3, 4, 37):
            with self.subTest(exit_code=exit_code):
                passed, failed, _, text = self.run_report(exit_code)
                self.assertEqual((passed, failed), (0, 1))
                self.assertIn("it broke", text)

    def test_a_broken_package_beside_passing_tests_is_a_failure(self):
        self.add_test("//a:a", "PASSED", PASSED_XML)
        self.assertEqual(self.run_report(1)[:2], (2, 1))

    def test_totals_add_up(self):
        totals = self.path("totals")
        one = report.Report()
        one.passed = 2
        one.fail("x", [])
        report.add_totals(totals, one)
        report.add_totals(totals, one)
        with open(totals, encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"passed": 4, "failed": 2, "skipped": 0})


if __name__ == "__main__":
    unittest.main()
