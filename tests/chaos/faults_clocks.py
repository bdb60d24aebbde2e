"""Wall clocks that somebody sets wrong, and right again."""

import time

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 24 * 3600


def _draw(rng):
    """Seconds, either way: what time services, time zones and machines that wake up get wrong."""
    size = rng.choice((rng.randint(5, 90), _MINUTE_S * rng.randint(2, 50), _HOUR_S * rng.randint(1, 12), _DAY_S))
    return size if rng.random() < 0.5 else -size


def step(case):
    """While the pod runs; some are started anew with the wrong clock, so that their start goes by it, too."""
    steps = [_draw(case.rng) for _ in range(case.rng.choice((1, 1, 2, 3)))]
    restarted = case.rng.random() < 0.3
    case.say("pod %s: its clock is wrong by %s s in turn%s" % (
        case.pod.name, ", ".join("%+d" % seconds for seconds in steps), ", and it is restarted" if restarted else ""))
    try:
        for seconds in steps:
            case.pod.wall_clock.step_to(seconds)
            time.sleep(case.pause(2, 6))
            if restarted:
                restarted = False
                case.pod.kill()
                case.pod.start()
    finally:
        case.pod.wall_clock.step_to(0)
