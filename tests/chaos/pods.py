"""The pods of the run, started again whenever they end, as an orchestrator of containers would."""

import os
import signal
import threading
import time

import brokers
import isolation
import network
import processes
import wall_clock

SESSION_S = 4
TRANSACTION_S = 6
# Also how long a group waits for members that joined before a broker's restart: Kafka 4.1 may forget their session
# timeouts when it loads the group twice.
_MAX_POLL_S = 20
_RESTART_PAUSE_S = 0.5
_DISK_MIB = 512
_SHOWN_EXITS = 50


class Pod:
    """One instance of order_totals, through all its starts. Its methods may be called from any thread."""

    def __init__(self, world, name, number):
        self.name = name
        self.place = network.Place("pod-" + name, number) if world.isolated else network.LocalPlace()
        self.dir = os.path.join(world.work, "state-" + name)
        self.slow_switch = os.path.join(world.work, "slow-" + name)
        self.frozen_switch = os.path.join(world.work, "frozen-" + name)
        self.wall_clock = wall_clock.WallClock(os.path.join(world.work, "clock-" + name))
        self._world = world
        self._lock = threading.Lock()
        self._process = None
        self._starts = 0
        self._wanted = False
        os.makedirs(self.dir, exist_ok=True)
        if world.isolated and not os.path.ismount(self.dir):
            # Small enough to be filled; gone with our mount namespace.
            isolation.call("mount", "-t", "tmpfs", "-o", "size=%dm" % _DISK_MIB, "tmpfs", self.dir)
            world.mounts.append(self.dir)

    def _command(self, crashable):
        topics = self._world.topic_flags + ["--application_id=" + self._world.application]
        binary = self._world.crashable_binary if crashable else self._world.pod_binary
        return self.place.prefix + [
            binary, "--bootstrap_servers=" + self._world.cluster.pod_bootstrap, *topics, "--state_dir=" + self.dir,
            "--instance_id=" + self.name, "--session_timeout=%ds" % SESSION_S,
            "--transaction_timeout=%ds" % TRANSACTION_S, "--max_poll_interval=%ds" % _MAX_POLL_S,
            "--checkpoint_interval=500ms", "--checkpoint_flush_interval=1s", "--kafka.security.protocol=sasl_plaintext",
            "--kafka.sasl.mechanism=PLAIN", "--kafka.sasl.username=" + brokers.PODS_USER,
            *self._world.pod_flags]

    def start(self, crash_at=None):
        """Runs it until stop() or kill(); with `crash_at` the next start only ends at that point."""
        with self._lock:
            self._wanted = True
            self._launch(crash_at)

    def _launch(self, crash_at=None):
        self._starts += 1
        environment = {"CHAOS_SLOW_DISK": self.slow_switch, "CHAOS_FROZEN_DISK": self.frozen_switch,
                       "WALL_CLOCK_SHIM": self.wall_clock.path, "LD_PRELOAD": ":".join(self._world.preloaded),
                       "CHAOS_HANDLERS": self._world.handlers_switch,
                       "KAFKA_SASL_PASSWORD": brokers.PODS_USER}
        if crash_at:
            environment["ONCE_CRASH_AT"] = crash_at
        log = os.path.join(self._world.work, "log", "pod-%s-%03d.log" % (self.name, self._starts))
        self._process = processes.Process(self._command(crash_at is not None), log, environment)

    def keep_running(self):
        """Starts it again if it has ended although it should run; what its log said then, or None."""
        with self._lock:
            if not self._wanted or self._process.running():
                return None
            tail = "code %s: %s" % (self._process.code(), self._process.tail(1).strip())
            time.sleep(_RESTART_PAUSE_S)
            self._launch()
            return tail

    def kill(self):
        """As by kill -9; it stays down."""
        with self._lock:
            self._wanted = False
            self._process.kill()

    def stop(self, seconds=30):
        """True if it ended in order and in time."""
        with self._lock:
            self._wanted = False
            return self._process.stop(seconds) and self._process.code() == 0

    def code(self):
        return self._process.code()

    def freeze(self):
        self._process.signal(signal.SIGSTOP)

    def thaw(self):
        self._process.signal(signal.SIGCONT)

    def await_crash(self, seconds):
        """Whether the process that runs now ended by kill -9 in that time. If it ended at all, another is started."""
        process = self._process
        with self._lock:
            self._wanted = False
        code = process.wait(seconds)
        with self._lock:
            self._wanted = True
            if code is not None:
                self._launch()
        return code == -signal.SIGKILL

    def leave(self):
        if self._world.isolated:
            self.place.leave()

    def logs(self):
        """What all its starts wrote."""
        folder = os.path.join(self._world.work, "log")
        text = []
        for name in sorted(os.listdir(folder)):
            if name.startswith("pod-%s-" % self.name):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as log:
                    text.append(log.read())
        return "".join(text)


class Supervisor(threading.Thread):
    """Starts pods again that ended by themselves."""

    def __init__(self, pods, say):
        super().__init__(daemon=True)
        self.exits = 0
        self._pods = pods
        self._say = say
        self._ended = threading.Event()

    def run(self):
        while not self._ended.wait(0.2):
            for pod in list(self._pods):
                tail = pod.keep_running()
                if tail is not None:
                    self.exits += 1
                    if self.exits <= _SHOWN_EXITS:
                        self._say("pod %s ended by itself and is started again: %s" % (pod.name, tail[:400]))

    def stop(self):
        self._ended.set()
        self.join()
