"""The run's input: orders at a steady rate, with duplicates and poison, from one generator after the other."""

import re
import threading

import processes

_STRIDE = 100_000_000  # Indexes of one generator; its successor's begin behind them.


class Load(threading.Thread):
    """Runs until stop(); a generator that gives up is followed by another."""

    def __init__(self, world, rate, seed):
        super().__init__(daemon=True)
        self._world, self._rate, self._seed = world, rate, seed
        self._stopping = threading.Event()
        self._starts = 0
        self._process = None

    def create_topics(self):
        """Also sends the first order."""
        first = processes.Process(self._command(0) + ["--orders=1", "--create_topics", "--partitions=%d" %
                                                      self._world.partitions], self._world.log("generator-0"))
        if first.wait(90) != 0:
            raise RuntimeError("the topics could not be created: " + first.tail())

    def _command(self, start_index):
        return [self._world.binary("examples/order_totals/order_generator"),
                "--bootstrap_servers=" + self._world.cluster.bootstrap, *self._world.topic_flags,
                "--start_index=%d" % start_index, "--rate=%d" % self._rate, "--seed=%d" % self._seed,
                "--duplicates_percent=5", "--poison_percent=0.01", "--customers=50000",
                # It must outlast what is done to the brokers.
                "--property=message.timeout.ms=300000", "--property=reconnect.backoff.max.ms=1000",
                "--property=socket.timeout.ms=10000", "--property=queue.buffering.max.messages=1000000"]

    def run(self):
        while not self._stopping.is_set():
            self._starts += 1
            self._process = processes.Process(self._command(self._starts * _STRIDE) + ["--orders=%d" % _STRIDE],
                                              self._world.log("generator-%d" % self._starts))
            processes.wait_until(lambda: self._stopping.is_set() or not self._process.running(), 10 ** 9, 0.2)
            if not self._stopping.is_set():
                self._world.say("the generator ended and is followed by another: " + self._process.tail(1).strip())

    def stop(self):
        """What was sent is delivered first."""
        self._stopping.set()
        self.join()
        self._process.stop(120)

    def summary(self):
        """The last generator's counts, for the log."""
        found = re.findall(r"(?m)^orders=.*$", self._process.tail(20))
        return found[-1] if found else self._process.tail(1).strip()
