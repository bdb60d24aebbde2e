"""Brokers that die, hang, are restarted in turn, and lose their network."""

import signal
import time

import pods

# After which the controllers take a broker for gone (Kafka's broker.session.timeout.ms), and give its partitions to others.
_BROKER_SESSION_S = 9


def kill(case):
    broker = case.rng.choice(case.world.cluster.brokers)
    down = case.pause(0, 4)
    case.say("broker %d killed with -9, down for %.1f s" % (broker.number, down))
    broker.kill()
    time.sleep(down)
    broker.restart()


def rolling_restart(case):
    case.say("brokers restarted in turn")
    for broker in case.world.cluster.brokers:
        broker.stop()
        broker.restart()
        if len(case.world.cluster.brokers) > 1:
            time.sleep(3)  # Its replicas catch up, as an operator would wait for.


def freeze(case):
    """Its connections stay open, and nothing answers: some shorter than sessions, some longer than all timeouts."""
    broker = case.rng.choice(case.world.cluster.brokers)
    longest = max(pods.SESSION_S, pods.TRANSACTION_S, _BROKER_SESSION_S)
    frozen = case.rng.choice((case.pause(1, pods.SESSION_S - 1), case.pause(pods.SESSION_S + 1, longest),
                              case.pause(longest + 1, 2 * longest)))
    case.say("broker %d stopped for %.1f s" % (broker.number, frozen))
    broker.signal(signal.SIGSTOP)
    try:
        time.sleep(frozen)
    finally:
        broker.signal(signal.SIGCONT)


def cut(case):
    broker = case.rng.choice(case.world.cluster.brokers)
    away = case.pause(2, 9)
    case.say("broker %d cut off for %.1f s" % (broker.number, away))
    broker.place.cut()
    time.sleep(away)
    broker.place.mend()
