"""Each right of docs/deploy.md is missing at a start, and is taken away while a pod runs; then it is given (back)."""

import concurrent.futures

import world

COLUMNS = ("at start", "while running")
WORDS = {"READ": "Read", "WRITE": "Write", "DESCRIBE": "Describe", "CREATE": "Create",
         "DESCRIBE_CONFIGS": "DescribeConfigs"}
PLACES = {"TRANSACTIONAL_ID": "transactional IDs", "GROUP": "the group"}

# How long a pod may take to tell, before it is asked whether it does without the right.
TELLS_WITHIN_S = 25
# How long after that it may take to end, if it ends.
ENDS_WITHIN_S = 5


class Rights:
    def __init__(self, the_world, mechanism):
        self._world, self._mechanism = the_world, mechanism
        self.results = {}  # (right, column): (what was seen, "" or what is wrong)

    def rows(self):
        """Of the table, in its order."""
        return ["%s on %s" % (WORDS[row[3]], self._place("APP", row)) for row in self._world.rights("APP")]

    @staticmethod
    def _place(name, row):
        if row[0] == "TOPIC" and row[2] == "LITERAL":
            return {"in": "the source", "out": "the sink", "dlq": "the dead-letter topic"}[row[1][len(name) + 1:]]
        return PLACES.get(row[0], "topics of its own")

    def _pod(self, name):
        return self._world.pod(name, self._mechanism.listener, self._mechanism.settings)

    @staticmethod
    def _told(text, row):
        """Whether a line names what the right is on, and the right."""
        return any(row[1] in line and WORDS[row[3]] in line and "right" in line for line in text.splitlines())

    def _without(self, name, row, running):
        """What a pod does without the right, and what is wrong with that."""
        the_world = self._world
        the_world.topics(name)
        for each in the_world.rights(name):
            if running or each != row:
                the_world.admin("grant", world.USER, *each)
        the_world.generate(name, orders=200)
        pod = self._pod(name)
        if running:
            if wrong := the_world.verify(name):
                return "", "before: " + wrong + pod.log()
            the_world.admin("revoke", world.USER, *row)
        before = len(pod.log())
        the_world.generate(name, orders=200, start=200)
        told = pod.finds(lambda log: self._told(log[before:] if running else log, row), TELLS_WITHIN_S)
        # What ends it is told a moment before.
        ended = told and pod.wait(ENDS_WITHIN_S) is not None
        wrong = "" if told else the_world.verify(name)
        seen = "goes on" if not told else "told, code %d" % pod.wait(0) if ended else "told, waits"
        # A warning only, of something that it does without.
        if told and not ended and not the_world.verify(name, wait=5):
            seen = "told, goes on"
        if wrong or (ended and pod.wait(0) != 1):
            return seen, "without it: %s%s" % (wrong, pod.log())
        the_world.admin("grant", world.USER, *row)
        if ended:
            pod = self._pod(name)
        the_world.generate(name, orders=200, start=400)
        wrong = the_world.verify(name, wait=90)
        restarted = not ended and pod.wait(0) is not None
        code = pod.stop()
        if wrong or restarted or code != 0:
            return seen, "with it again: %s, exit code %s: %s" % (wrong, code, pod.log())
        return seen, ""

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
            waiting = []
            for running, column in enumerate(COLUMNS):
                for index, right in enumerate(self.rows()):
                    name = "right%s%d" % ("ab"[running], index)
                    row = self._world.rights(name)[index]
                    waiting.append((right, column, pool.submit(self._without, name, row, running == 1)))
            for right, column, future in waiting:
                seen, wrong = future.result()
                self.results[(right, column)] = (seen, wrong)
                print("%-44s %-14s %s" % (right, column, seen if not wrong else "FAILED: %s: %s" % (seen, wrong)), flush=True)

    def table(self):
        lines = ["| without the right | %s |" % " | ".join(COLUMNS), "|" + "---|" * (len(COLUMNS) + 1)]
        for right in self.rows():
            cells = [self.results[(right, column)] for column in COLUMNS]
            lines.append("| %s | %s |" % (right, " | ".join("**failed**" if wrong else seen for seen, wrong in cells)))
        return "\n".join(lines)
