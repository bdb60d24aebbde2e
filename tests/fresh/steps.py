"""What a new user does, step by step, each with the README's own commands.

An application is run by applications.Run, which kills it with -9 in the middle and checks every answer; so the last of the
README's commands, which starts it, gets topics, a state directory and a broker of that run.
"""

import os
import shlex

import applications
import modules
import readme
from fresh import HOME, TREE, Clock, Failed, Root

README = readme.read(os.path.join(TREE, "README.md"))
BROKER = "docker/kafka/broker start --dir=/tmp/broker --port=0"


class Steps:
    """One suite's. Roots are made when a step needs them: `work` is for them and for logs."""

    def __init__(self, suite, work, cache):
        self._suite, self._work, self._cache = suite, work, cache
        self._developer, self.times = None, {}

    def run(self, names):
        for name in names:
            print("=== %s: %s" % (self._suite, name), flush=True)
            clock = Clock()
            getattr(self, "_" + name)()
            self.times[name] = clock.times()

    def _root(self, name):
        logs = os.path.join(self._work, "log-" + name)
        os.makedirs(logs)
        return Root(self._suite, os.path.join(self._work, name), logs, self._cache)

    def _quickstart(self):
        """From nothing."""
        root = self._root("quickstart")
        root.add_tree()
        clock = Clock()
        text = root.run(README.one("./quickstart"), HOME + "/once")
        self.times["quickstart_from_nothing"] = clock.times()
        print(text[-text[::-1].index("\n", 1) - 1:].strip() if "\n" in text.strip() else text, flush=True)

    def _machine(self):
        """The developer's: with the README's first command done."""
        if not self._developer:
            root = self._root("developer")
            root.add_tree()
            self._clock = Clock()
            root.run_all(README.bazel[:1], HOME + "/once")
            self._developer = root
        return self._developer

    def _bootstrap(self, root):
        if not os.path.exists(root.path + "/tmp/broker"):
            lines = root.run(BROKER, HOME + "/once").splitlines()
            self._servers = [line.partition("=")[2] for line in lines if line.startswith("bootstrap_servers=")][0]
        os.environ["ONCE_TEST_BOOTSTRAP"] = self._servers

    def _check(self, root, command, directory, name):
        """Runs the application that the command starts."""
        self._bootstrap(self._machine())
        clock = Clock()
        work = os.path.join(self._work, "run-" + name)
        os.makedirs(work)
        program = root.command([shlex.split(command)[0]], directory)
        try:
            applications.Run(program, work, state_dir="/var/tmp/state-" + name).check()
        except applications.Failed as failure:
            raise Failed("%s: %s" % (command, failure)) from failure
        print("%s: it ran, was killed, and was right (%s)" % (self._suite, clock), flush=True)

    def _new_app(self):
        """The README's first own application. Its first test is what a new user waits for."""
        root = self._machine()
        *commands, start = README.bazel[1:]
        directory = HOME + "/once"
        for command in commands:
            directory = root.run_all([command], directory)
            if command.split()[:2] == ["bazel", "test"]:
                self.times["first_own_test_from_nothing"] = self._clock.times()
        self._check(root, start, directory, "new-app")

    def _own_workspace(self):
        """A workspace of one's own, with the README's WORKSPACE."""
        root = self._machine()
        directory = HOME + "/page_counter"
        root.add(os.path.join(TREE, "examples", "own_workspace"), directory)
        os.remove(root.path + directory + "/.bazelrc")
        root.write(directory + "/WORKSPACE", README.workspace.replace("/where/once/is", HOME + "/once"))
        commands = [command for command in README.bazel if command.startswith("bazel ")]
        root.run_all(commands, directory)
        self._check(root, README.bazel[-1], directory, "own-workspace")

    def _cmake(self):
        root = self._machine()
        *commands, start = README.cmake
        directory = root.run_all(commands, HOME + "/once")
        self._check(root, start, directory, "cmake")

    def _deb(self):
        """Packages are made on the one machine, and installed on another, where the CMake application is built."""
        developer = self._machine()
        make, new_app = README.one("packages/deb", README.packages), README.one("./new_app", README.cmake)
        install = README.one("apt-get", README.packages)
        developer.run(make, HOME + "/once")
        application = HOME + "/page-counter-for-deb"
        developer.run(new_app + " --dir=" + application, HOME + "/once")
        root = self._root("deb")
        root.add(developer.path + HOME + "/packages", HOME + "/packages")
        root.add(developer.path + application, application)
        # A machine has had its lists read at some time.
        root.run("apt-get update", "/")
        root.run_all([install], HOME + "/packages")
        build = README.cmake[[command.split()[0] for command in README.cmake].index("cmake"):]
        root.run_all(build[:-1], application)
        self._check(root, build[-1], application, "deb")

    def _modules(self):
        """The same application by MODULE.bazel."""
        root = self._root("modules")
        root.add_tree()
        root.run_all(["setup/install --no-broker", modules.PACKAGES], HOME + "/once")
        modules.prepare(root)
        root.run_all([command for command in README.bazel if command.startswith("bazel ")], modules.APPLICATION)
        root.run(shlex.split(README.bazel[-1])[0] + " --version", modules.APPLICATION)

    def _test(self):
        self._suite_of_tests(README.one("./test"))

    def _unit(self):
        self._suite_of_tests(README.one("./test") + " unit")

    def _clang(self):
        """The other compiler takes everything."""
        root = self._machine()
        root.run("setup/install --clang", HOME + "/once")
        root.run("bazel build --config=clang //...", HOME + "/once")

    def _suite_of_tests(self, command):
        text = self._machine().run(command, HOME + "/once")
        print(text.splitlines()[-1], flush=True)
