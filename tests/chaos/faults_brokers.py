"""Brokers that die, are restarted in turn, and lose their network."""

import time


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


def cut(case):
    broker = case.rng.choice(case.world.cluster.brokers)
    away = case.pause(2, 9)
    case.say("broker %d cut off for %.1f s" % (broker.number, away))
    broker.place.cut()
    time.sleep(away)
    broker.place.mend()
