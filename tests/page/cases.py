"""Runs the tests of a file, and writes down for Bazel which there were."""

import os
import sys
import time
import unittest
from xml.sax.saxutils import quoteattr as quote

import browser


class Result(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases, self._began = [], 0

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        failed = [text for each, text in self.failures + self.errors if each is test or getattr(each, "test_case", None) is test]
        self.cases.append((test.id().replace("__main__.", ""), time.monotonic() - self._began, failed))


def _write(cases, skipped=""):
    path = os.environ.get("XML_OUTPUT_FILE")
    if not path:
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write('<testsuites><testsuite name="page">\n')
        for name, seconds, failed in cases:
            file.write('<testcase name=%s time="%.2f">' % (quote(name), seconds))
            file.writelines("<failure message=%s/>" % quote(text) for text in failed)
            file.write("</testcase>\n")
        if skipped:
            file.write('<testcase name="page" result="skipped"><skipped message=%s/></testcase>\n' % quote(skipped))
        file.write("</testsuite></testsuites>\n")


def main():
    """The tests of the program's own file; none of them where there is no browser."""
    why = browser.missing()
    if why:
        print("skipped: %s" % why)
        _write([], why)
        return
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(tests)
    _write(result.cases)
    sys.exit(0 if result.wasSuccessful() else 1)
