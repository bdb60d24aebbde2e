"""Which fault comes when: all from one seed. Kinds come in shuffled rounds, so that each comes equally often."""

import random

import faults


class Schedule:
    """An endless sequence of steps; a step is a list of one or two kinds that happen at the same time."""

    def __init__(self, seed, kinds, pairs_percent):
        self._seed, self._kinds, self._pairs = seed, list(kinds), pairs_percent / 100
        self._steps = []
        self._rng = random.Random("schedule %d" % seed)

    def step(self, number):
        while len(self._steps) <= number:
            self._add_round()
        return self._steps[number]

    def rng(self, number, kind):
        """A source for one fault: what it draws does not depend on how long others took."""
        return random.Random("%d %d %s" % (self._seed, number, kind))

    def _add_round(self):
        waiting = list(self._kinds)
        self._rng.shuffle(waiting)
        while waiting:
            step = [waiting.pop(0)]
            others = [kind for kind in waiting if faults.KINDS[kind].target != faults.KINDS[step[0]].target]
            if others and self._rng.random() < self._pairs:
                step.append(others[0])
                waiting.remove(others[0])
            self._steps.append(step)

    def text(self, steps):
        return ", ".join("+".join(self.step(number)) for number in range(steps))
