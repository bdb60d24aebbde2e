"""Tests of what the chaos commands are made of, without a broker."""

import collections
import os
import random
import signal
import struct
import tempfile
import threading
import types
import unittest
import unittest.mock
import xml.dom.minidom

import conductor
import faults
import faults_brokers
import faults_clocks
import faults_disk
import faults_events
import faults_rules
import frames
import picture
import pods
import report
import schedule
import wall_clock
import watcher


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


class FakeWorld:
    """What the faults of events and rules touch, without processes."""

    application, output, dead_letters, changelog = "app", "out", "letters", "app-changelog"

    def __init__(self, folder=""):
        self.handlers_switch = os.path.join(folder, "handlers")
        self.done, self.lines, self.pods = [], [], ["a"]
        self.watcher = types.SimpleNamespace(failed={}, await_progress=lambda seconds: [])
        self.cluster, self.partitions = types.SimpleNamespace(bootstrap="broker"), 2
        self.supervisor = types.SimpleNamespace(exits=0)
        self.odd = types.SimpleNamespace(send_deadly=lambda: "deadly-1")
        self.operator = types.SimpleNamespace(knows=lambda resource: True, do=lambda *words: self.done.append(words))

    def clock(self):
        return 0.0

    def binary(self, path):
        return path

    def say(self, text):
        self.lines.append(text)

    def case(self, seed):
        return faults.Case(self, random.Random(seed), "a", self.say)


class CrashPointsTest(unittest.TestCase):
    def test_pods_that_never_die_are_no_fault_at_all(self):
        self.assertTrue(report.never_died([False, False, False]))
        self.assertFalse(report.never_died([False, True, False]))
        self.assertFalse(report.never_died([False, False]))


@unittest.mock.patch("time.sleep")
class NewKindsTest(unittest.TestCase):
    def test_a_right_is_given_back_where_it_was_taken_away(self, _sleep):
        seen = set()
        for seed in range(40):
            world = FakeWorld()
            faults_rules.no_right(world.case(seed))
            (denied, resource, name, _, _), allowed = world.done
            self.assertEqual((denied, allowed), ("deny", ("allow", resource, name)))
            seen.add(name)
        self.assertEqual(seen, {"app", "app-", "out", "letters", "app-changelog"})

    def test_a_limit_is_taken_back_though_the_run_breaks_off(self, sleep):
        sleep.side_effect = KeyboardInterrupt
        world = FakeWorld()
        with self.assertRaises(KeyboardInterrupt):
            faults_rules.lower_limit(world.case(1))
        self.assertEqual(world.done[1], ("set", world.done[0][1]))

    def test_handlers_are_quick_again_afterwards(self, _sleep):
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(10):
                faults_events.slow_handlers(FakeWorld(folder).case(seed))
                self.assertEqual(os.listdir(folder), [])

    def test_a_deadly_order_without_a_dead_letter_is_a_violation(self, _sleep):
        for arrives in (True, False):
            world = FakeWorld()
            if arrives:
                world.watcher.failed["deadly-1"] = "INTERNAL"
            conducted = conductor.Conductor(world, schedule.Schedule(1, ["deadly_event"], 0))
            with unittest.mock.patch.object(faults_events, "_DEADLY_LIMIT_S", 0):
                conducted._step(0)
            self.assertEqual(len(conducted.violations), 0 if arrives else 1)

    def test_a_command_that_is_carried_out_twice_is_a_violation(self, _sleep):
        for code, violations in ((0, 0), (1, 1), (2, 1)):
            conducted = conductor.Conductor(FakeWorld(), schedule.Schedule(1, ["commands"], 0))
            ended = types.SimpleNamespace(returncode=code, stdout="VIOLATION twice\ncommands=1\n", stderr="")
            with unittest.mock.patch("subprocess.run", return_value=ended):
                conducted._step(0)
            self.assertEqual(len(conducted.violations), violations)

    def test_the_watchers_lines_are_heard(self, _sleep):
        heard = watcher.Watcher.__new__(watcher.Watcher)
        heard.failed, heard.violations, heard.count = {}, [], 0
        heard.samples, heard._lock, heard._world = [], threading.Lock(), FakeWorld()
        heard._take("failed deadly-7 INTERNAL")
        heard._take("violation customer-totals-0-12 of odd-3 has order_count=4 after 2")
        heard._take("state violations=1 dead_letters=3 records=5,6")
        self.assertEqual((heard.failed, heard.count, heard.records()), ({"deadly-7": "INTERNAL"}, 1, [5, 6]))
        self.assertEqual(len(heard.violations), 1)


class FakePod:
    """What the faults of clocks and disks do to a pod, in order."""

    name = "a"

    def __init__(self, folder, stops_in_s=1.0):
        self.frozen_switch = os.path.join(folder, "frozen")
        self.done = []
        self.wall_clock = types.SimpleNamespace(step_to=lambda seconds: self.done.append(seconds))
        self.now, self._stops_in_s = 0.0, stops_in_s

    def stop(self, limit_s):
        self.done.append("stop" + ("ped frozen" if os.path.exists(self.frozen_switch) else "ped"))
        self.now += min(limit_s, self._stops_in_s)
        return self._stops_in_s < limit_s

    def code(self):
        return 0

    def kill(self):
        self.done.append("kill")

    def start(self):
        self.done.append("start" + (" frozen" if os.path.exists(self.frozen_switch) else ""))


@unittest.mock.patch("time.sleep")
class FrozenAndWrongTest(unittest.TestCase):
    def case(self, seed, pod):
        world = FakeWorld()
        world.watcher.total = lambda: 0
        return faults.Case(world, random.Random(seed), pod, world.say)

    def test_a_clock_goes_wrong_both_ways_and_is_right_again(self, _sleep):
        seen, restarts = [], 0
        for seed in range(60):
            pod = FakePod("")
            faults_clocks.step(self.case(seed, pod))
            self.assertEqual(pod.done[-1], 0)
            seen += [step for step in pod.done if isinstance(step, int)]
            restarts += "start" in pod.done
        self.assertGreaterEqual(max(seen), 86400)
        self.assertLessEqual(min(seen), -86400)
        self.assertTrue(any(0 < abs(step) < 3600 for step in seen))
        self.assertTrue(0 < restarts < 60)

    def test_a_clock_is_set_right_though_the_run_breaks_off(self, sleep):
        sleep.side_effect = KeyboardInterrupt
        pod = FakePod("")
        with self.assertRaises(KeyboardInterrupt):
            faults_clocks.step(self.case(1, pod))
        self.assertEqual(pod.done[-1], 0)

    def test_a_wall_clock_is_a_word_of_one_file(self, _sleep):
        with tempfile.TemporaryDirectory() as folder:
            clock = wall_clock.WallClock(os.path.join(folder, "clock"))
            inode = os.stat(clock.path).st_ino
            for seconds in (0, -86400, 7):
                clock.step_to(seconds)
                with open(clock.path, "rb") as file:
                    self.assertEqual(struct.unpack("=q", file.read())[0], seconds)
            self.assertEqual(os.stat(clock.path).st_ino, inode, "a process has it mapped")

    def test_a_disk_thaws_and_a_pod_that_stopped_starts_after(self, sleep):
        slept = []
        sleep.side_effect = slept.append
        stops = 0
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(40):
                pod = FakePod(folder)
                faults_disk.frozen(self.case(seed, pod))
                self.assertFalse(os.path.exists(pod.frozen_switch))
                self.assertIn(pod.done, ([], ["stopped frozen", "start"]))
                stops += bool(pod.done)
        self.assertTrue(0 < stops < 40)
        self.assertTrue(max(slept) > 30 and max(slept) <= 60)

    def test_a_pod_that_a_frozen_disk_keeps_from_ending_is_a_violation(self, _sleep):
        failed = 0
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(20):
                pod = FakePod(folder, stops_in_s=1000)
                with unittest.mock.patch("time.monotonic", lambda pod=pod: pod.now):
                    try:
                        faults_disk.frozen(self.case(seed, pod))
                    except RuntimeError as error:
                        failed += 1
                        self.assertIn("did not end", str(error))
                self.assertFalse(os.path.exists(pod.frozen_switch))
                self.assertIn(pod.done, ([], ["stopped frozen", "start"]), "it runs again, whatever it did")
        self.assertGreater(failed, 0)

    def test_a_broker_thaws_after_less_and_more_than_the_timeouts(self, sleep):
        slept, signals = [], []
        sleep.side_effect = slept.append
        broker = types.SimpleNamespace(number=1, signal=signals.append)
        for seed in range(40):
            case = self.case(seed, None)
            case.world.cluster = types.SimpleNamespace(brokers=[broker])
            faults_brokers.freeze(case)
        self.assertEqual(signals, [signal.SIGSTOP, signal.SIGCONT] * 40)
        self.assertLess(min(slept), pods.SESSION_S)
        self.assertGreater(max(slept), max(pods.SESSION_S, pods.TRANSACTION_S))


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

    def test_the_picture_has_every_kind(self):
        targets = {name: kind.target for name, kind in faults.KINDS.items()}
        happened = [types.SimpleNamespace(kind=kind, begin=2.0, healed=4.0, recovered=None) for kind in targets]
        drawn = picture.draw([(at / 5, at * 600) for at in range(100)], happened, targets, "a title")
        for kind in targets:
            self.assertIn(">%s<" % kind, drawn)


if __name__ == "__main__":
    unittest.main()
