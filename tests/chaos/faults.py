"""The kinds of fault, by name. Each is a function that breaks something, waits, and mends it; it returns when healed.

It is given a Case: the world, a random source of its own, the pod that it may hurt, and say() for its log lines.
"""

import dataclasses
import random

import faults_brokers
import faults_clocks
import faults_commands
import faults_disk
import faults_events
import faults_pods
import faults_proxy
import faults_rules


@dataclasses.dataclass
class Kind:
    """`target` keeps two faults of one kind of thing apart when they run at the same time."""

    run: object
    target: str
    about: str
    isolated: bool = False  # Needs namespaces.


@dataclasses.dataclass
class Case:
    """One fault to be run."""

    world: object
    rng: random.Random
    pod: object
    say: object

    def pause(self, low, high):
        """A number of seconds to wait, drawn between both."""
        return self.rng.uniform(low, high)


KINDS = {
    "kill": Kind(faults_pods.kill, "pod", "kill -9 of a pod at a random moment; it is started again"),
    "crash_point": Kind(faults_pods.crash_point, "pod", "a pod dies at a named point of its protocol"),
    "zombie": Kind(faults_pods.zombie, "pod", "SIGSTOP beyond session and transaction timeout, then SIGCONT"),
    "join_leave": Kind(faults_pods.join_leave, "pod", "a further pod joins, works, and leaves or is killed"),
    "rolling_pods": Kind(faults_pods.rolling_pods, "pod", "all pods are stopped and started in turn"),
    "broker_kill": Kind(faults_brokers.kill, "broker", "kill -9 of a broker; it is started again with its data"),
    "broker_restart": Kind(faults_brokers.rolling_restart, "broker", "all brokers are restarted in turn"),
    "frozen_broker": Kind(faults_brokers.freeze, "broker", "SIGSTOP of a broker for some seconds, then SIGCONT"),
    "cut_broker": Kind(faults_brokers.cut, "broker", "a broker's network link is cut", isolated=True),
    "cut_pod": Kind(faults_pods.cut, "pod", "a pod's network link is cut", isolated=True),
    "slow_disk": Kind(faults_disk.slow, "pod", "every write and fsync of a pod takes long"),
    "frozen_disk": Kind(faults_disk.frozen, "pod", "no write or fsync of a pod returns, and it may be told to stop then"),
    "full_disk": Kind(faults_disk.full, "pod", "a pod's state directory is full", isolated=True),
    "corrupt_sst": Kind(faults_disk.corrupt_sst, "pod", "flipped bytes in the state's SST files"),
    "corrupt_checkpoint": Kind(faults_disk.corrupt_checkpoint, "pod", "flipped or lost bytes in its MANIFEST or CURRENT"),
    "delayed_end": Kind(faults_proxy.delayed_end, "proxy", "EndTxn held and released into the next transaction"),
    "delayed_offsets": Kind(faults_proxy.delayed_offsets, "proxy", "TxnOffsetCommit, likewise"),
    "clock_step": Kind(faults_clocks.step, "pod", "a pod's wall clock steps by seconds to a day, and back later"),
    "slow_handlers": Kind(faults_events.slow_handlers, "handlers", "handlers take 50 to 300 ms, and one of them too long"),
    "deadly_event": Kind(faults_events.deadly_event, "pod", "an order, or two, that ends each process that runs it"),
    "commands": Kind(faults_commands.commands, "commands", "operators' commands, some twice: each takes effect once"),
    "no_right": Kind(faults_rules.no_right, "rules", "a right of the pods is taken away and given back"),
    "lower_limit": Kind(faults_rules.lower_limit, "rules", "what outputs or dead letters may be is narrowed, and back"),
}


def available(isolated):
    """Names of the kinds that can be made to happen here."""
    return [name for name, kind in KINDS.items() if isolated or not kind.isolated]
