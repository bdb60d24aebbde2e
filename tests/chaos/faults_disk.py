"""State directories that are slow, frozen, full or corrupt."""

import errno
import os
import time

_BALLAST = "ballast"
_BLOCK = bytes(1 << 16)
# Within which a pod ends that is told to while its disk does not answer: less than an orchestrator of containers gives it.
_STOP_LIMIT_S = 25


def slow(case):
    delay_ms, lasting = case.rng.choice((5, 20, 100)), case.pause(3, 8)
    case.say("pod %s: every write takes %d ms more, for %.1f s" % (case.pod.name, delay_ms, lasting))
    with open(case.pod.slow_switch, "wb") as switch:
        switch.write(bytes(delay_ms))
    time.sleep(lasting)
    os.unlink(case.pod.slow_switch)


def frozen(case):
    """The pod lives on meanwhile, and ends when it is told to: what waits for the disk must not hold that up."""
    lasting = min(60, case.rng.choice((case.pause(5, 10), case.pause(5, 10), case.pause(10, 30), case.pause(30, 60))))
    stopped = case.rng.random() < 0.4
    case.say("pod %s: nothing that it writes to its disk returns, for %.1f s%s" % (
        case.pod.name, lasting, ", and it is told to stop" if stopped else ""))
    with open(case.pod.frozen_switch, "wb"):
        pass
    try:
        before = case.world.watcher.total()
        time.sleep(lasting / 2 if stopped else lasting)
        if stopped:
            _stop_frozen(case)
        case.say("pod %s: its disk goes on; %d outputs committed meanwhile" % (
            case.pod.name, case.world.watcher.total() - before))
    finally:
        os.unlink(case.pod.frozen_switch)
        if stopped:
            case.pod.start()


def _stop_frozen(case):
    begin = time.monotonic()
    in_order = case.pod.stop(_STOP_LIMIT_S)
    if time.monotonic() - begin >= _STOP_LIMIT_S:
        raise RuntimeError("pod %s did not end within %d s while its disk was frozen" % (case.pod.name, _STOP_LIMIT_S))
    case.say("pod %s ended %s after %.1f s" % (
        case.pod.name, "in order" if in_order else "with code %s" % case.pod.code(), time.monotonic() - begin))


def full(case):
    lasting = case.pause(3, 8)
    path = os.path.join(case.pod.dir, _BALLAST)
    size = _fill(path)
    case.say("pod %s: its disk is full (%d MiB of ballast) for %.1f s" % (case.pod.name, size >> 20, lasting))
    time.sleep(lasting)
    os.unlink(path)


def _fill(path):
    """Writes until nothing more fits; the size of what did."""
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(_BLOCK):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        return file.tell()


def corrupt_sst(case):
    _corrupt(case, lambda name: name.endswith(".sst"))


def corrupt_checkpoint(case):
    _corrupt(case, lambda name: name.startswith("MANIFEST") or name == "CURRENT")


def _corrupt(case, chosen):
    case.pod.kill()
    files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(case.pod.dir) for name in names
                   if chosen(name))
    case.rng.shuffle(files)
    done = [_flip(path, case.rng) for path in files[:3]]
    case.say("pod %s killed, and damaged: %s" % (case.pod.name, ", ".join(done) or "nothing, it has no such file yet"))
    case.pod.start()


def _flip(path, rng):
    """Flips bytes in many places, or cuts the end off; says which."""
    size = os.path.getsize(path)
    name = os.path.basename(path)
    with open(path, "r+b") as file:
        if rng.random() < 0.3:
            file.truncate(size // 2)
            return name + " halved"
        places = [rng.randrange(size) for _ in range(max(1, size // 2000))] if size else []
        for at in places:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 0xFF]))
    return "%s with %d bytes flipped" % (name, len(places))
