"""Tests of what the chaos commands are made of, without a broker."""

import collections
import struct
import types
import unittest
import xml.dom.minidom

import faults
import frames
import picture
import report
import schedule


def text(value, compact=False):
    data = value.encode()
    return (bytes([len(data) + 1]) if compact else struct.pack(">h", len(data))) + data


class FramesTest(unittest.TestCase):
    def test_reads_requests_of_both_encodings(self):
        old = struct.pack(">hhi", frames.END_TXN, 1, 7) + text("client") + text("app-a-0-0") + bytes(11)
        new = struct.pack(">hhi", frames.END_TXN, 3, 8) + text("client") + b"\0" + text("app-a-0-0", compact=True)
        for data, correlation in ((old, 7), (new, 8)):
            request = frames.decode_request(data)
            self.assertEqual((request.transactional_id, request.correlation), ("app-a-0-0", correlation))

    def test_passes_over_what_is_no_transaction(self):
        fetch = struct.pack(">hhi", 1, 11, 7) + text("client") + bytes(40)
        plain_produce = struct.pack(">hhi", frames.PRODUCE, 7, 7) + text("client") + struct.pack(">h", -1) + bytes(6)
        self.assertIsNone(frames.decode_request(fetch))
        self.assertIsNone(frames.decode_request(plain_produce))

    def test_reads_errors(self):
        end = frames.Request(frames.END_TXN, 1, 7, "t")
        self.assertEqual(frames.decode_error(end, struct.pack(">iih", 7, 0, 47)), 47)
        end = frames.Request(frames.END_TXN, 3, 7, "t")
        self.assertEqual(frames.decode_error(end, struct.pack(">i", 7) + b"\0" + struct.pack(">ih", 0, 90)), 90)
        offsets = frames.Request(frames.TXN_OFFSET_COMMIT, 2, 7, "t")
        answer = struct.pack(">iii", 7, 0, 1) + text("orders") + struct.pack(">iih", 1, 3, 22)
        self.assertEqual(frames.decode_error(offsets, answer), 22)


class ScheduleTest(unittest.TestCase):
    def test_follows_from_its_seed(self):
        one, same, other = (schedule.Schedule(seed, list(faults.KINDS), 25) for seed in (5, 5, 6))
        self.assertEqual(one.text(50), same.text(50))
        self.assertNotEqual(one.text(50), other.text(50))
        self.assertEqual(one.rng(3, "kill").random(), same.rng(3, "kill").random())

    def test_every_kind_comes_equally_often_and_pairs_differ_in_target(self):
        plan = schedule.Schedule(1, list(faults.KINDS), 50)
        steps = [plan.step(number) for number in range(100)]
        counts = collections.Counter(kind for step in steps for kind in step)
        self.assertLessEqual(max(counts.values()) - min(counts.values()), 1)
        for step in steps:
            self.assertEqual(len({faults.KINDS[kind].target for kind in step}), len(step))


class ReportTest(unittest.TestCase):
    def test_differences_are_named(self):
        kinds = {"lost": {"count": 2}, "doubled": {"count": 0}}
        self.assertEqual(report.differences({"checks": [{"check": "outputs", "kinds": kinds}]}), {"outputs, lost": 2})

    def test_the_picture_is_xml_with_a_mark_for_each_fault(self):
        fault = types.SimpleNamespace(kind="kill", begin=2.0, healed=4.0, recovered=None)
        drawn = picture.draw([(at / 5, at * 600) for at in range(100)], [fault], {"kill": "pod", "cut_pod": "pod"}, "a title")
        xml.dom.minidom.parseString(drawn)
        self.assertIn(">kill<", drawn)
        self.assertNotIn(">cut_pod<", drawn)


if __name__ == "__main__":
    unittest.main()
