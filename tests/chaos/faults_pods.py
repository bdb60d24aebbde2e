"""Pods that die, hang, come, go and lose their network."""

import time

import pods

POINTS = {"before_begin": 30, "after_begin": 30, "before_send": 5000, "after_send": 5000, "before_flush": 30,
           "after_flush": 30, "before_send_offsets": 30, "after_send_offsets": 30, "before_commit": 30,
           "after_commit": 30, "before_checkpoint_write": 6, "after_checkpoint_write": 6, "before_checkpoint_flush": 3,
           "after_checkpoint_flush": 3}  # And at which passing at most.
_CRASH_LIMIT_S = 40


def kill(case):
    case.pod.kill()
    down = case.pause(0, 5)
    case.say("pod %s killed with -9, down for %.1f s" % (case.pod.name, down))
    time.sleep(down)
    case.pod.start()


def crash_point(case):
    """A pod that ends otherwise, because a broker is away, tries again."""
    point = case.rng.choice(sorted(POINTS))
    at = "%s:%d" % (point, case.rng.randint(1, POINTS[point]))
    deadline = time.monotonic() + _CRASH_LIMIT_S
    crashed = False
    while not crashed and time.monotonic() < deadline:
        case.pod.kill()
        case.pod.start(at)
        crashed = case.pod.await_crash(deadline - time.monotonic())
    case.world.deaths_at_points.append(crashed)
    case.say("pod %s %s at %s" % (case.pod.name, "died" if crashed else "did not come to die", at))


def zombie(case):
    frozen = max(pods.SESSION_S, pods.TRANSACTION_S) + case.pause(1, 4)
    case.say("pod %s stopped for %.1f s" % (case.pod.name, frozen))
    case.pod.freeze()
    time.sleep(frozen)
    case.pod.thaw()


def join_leave(case):
    """Whether it takes its leave is left to chance."""
    stay = case.pause(2, 6)
    kindly = case.rng.random() < 0.7
    pod = case.world.add_pod("guest-%d" % case.rng.randrange(3))
    case.say("pod %s joins for %.1f s, then %s" % (pod.name, stay, "leaves" if kindly else "is killed"))
    time.sleep(stay)
    in_order = pod.stop() if kindly else pod.kill()
    if in_order is False:
        case.say("pod %s did not end in order: code %s" % (pod.name, pod.code()))
    case.world.drop_pod(pod)


def rolling_pods(case):
    case.say("pods are stopped and started in turn")
    for pod in list(case.world.pods):
        if not pod.stop():
            case.say("pod %s did not end in order: code %s" % (pod.name, pod.code()))
        pod.start()
        time.sleep(case.pause(0.5, 1.5))


def cut(case):
    # Some shorter than the session, some longer than the transaction.
    away = case.rng.choice((case.pause(1, 3), case.pause(pods.TRANSACTION_S, pods.TRANSACTION_S + 4)))
    case.say("pod %s cut off for %.1f s" % (case.pod.name, away))
    case.pod.place.cut()
    time.sleep(away)
    case.pod.place.mend()
