"""Runs the schedule: breaks, heals, and waits after each step until every partition commits again."""

import dataclasses
import threading
import time

import faults

RECOVERY_LIMIT_S = 60


@dataclasses.dataclass
class Fault:
    """One fault as it went; times in seconds since the load began."""

    kind: str
    begin: float
    healed: float = None
    recovered: float = None
    error: str = None

    @property
    def recovery(self):
        return None if self.recovered is None else self.recovered - self.healed


class Conductor:
    """Not thread-safe."""

    def __init__(self, world, schedule):
        self.faults = []
        self.violations = []
        self._world, self._schedule = world, schedule

    def run(self, seconds):
        number = 0
        while self._world.clock() < seconds and not self.violations:
            self._step(number)
            number += 1
            # Quiet moments of differing length: what follows finds the run in another state each time.
            time.sleep(self._schedule.rng(number, "pause").uniform(0.3, 2))

    def _step(self, number):
        kinds = self._schedule.step(number)
        done = [Fault(kind, self._world.clock()) for kind in kinds]
        threads = [threading.Thread(target=self._run_fault, args=(fault, number)) for fault in done]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.faults += done
        stuck = self._world.watcher.await_progress(RECOVERY_LIMIT_S)
        if stuck:
            self._violation("%s: partitions %s commit nothing %d s after it was healed" % (
                "+".join(kinds), stuck, RECOVERY_LIMIT_S))
            return
        for fault in done:
            fault.recovered = self._world.clock()
            if fault.error is not None:
                self._violation("%s could not be done: %s" % (fault.kind, fault.error))
        healed = max(fault.healed for fault in done)
        self._world.say("healed; every partition commits again after %.1f s" % (done[0].recovered - healed))
        for fault in done:
            fault.healed = healed if len(done) > 1 else fault.healed

    def _run_fault(self, fault, number):
        rng = self._schedule.rng(number, fault.kind)
        label = "%d %s" % (number + 1, fault.kind)
        case = faults.Case(self._world, rng, rng.choice(self._world.pods),
                           lambda text: self._world.say("%-20s %s" % (label, text)))
        try:
            faults.KINDS[fault.kind].run(case)
        except Exception as error:  # A fault that cannot be made is a finding, too.
            fault.error = "%s: %s" % (type(error).__name__, error)
        fault.healed = self._world.clock()

    def _violation(self, text):
        self.violations.append(text)
        self._world.say("VIOLATION " + text)
