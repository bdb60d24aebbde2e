"""What pods may do and what topics take: changed, and changed back."""

import time

import brokers

_HOUR_MS = 3600 * 1000


def no_right(case):
    world = case.world
    rights = [("topic", world.output, "write"), ("topic", world.dead_letters, "write"),
              ("topic", world.changelog, "write"), ("group", world.application, "read")]
    if world.operator.knows("transactional_id"):
        rights.append(("transactional_id", world.application + "-", "write"))
    resource, name, operation = case.rng.choice(rights)
    lasting = case.pause(2, 8)
    case.say("pods may not %s %s %s, for %.1f s" % (operation, resource, name, lasting))
    try:
        world.operator.do("deny", resource, name, brokers.PODS_USER, operation)
        time.sleep(lasting)
    finally:
        world.operator.do("allow", resource, name)


def lower_limit(case):
    """Below what large totals need, or the time of some events, or batches of ordinary records: never below one."""
    world = case.world
    limits = [(world.output, "max.message.bytes=%d" % size) for size in (3000, 20000)]
    for topic in (world.output, world.dead_letters):
        limits.append((topic, "message.timestamp.after.max.ms=%d" % (_HOUR_MS // 60)))
        limits.append((topic, "message.timestamp.before.max.ms=%d" % _HOUR_MS))
    topic, setting = case.rng.choice(limits)
    lasting = case.pause(3, 8)
    case.say("%s has %s, for %.1f s" % (topic, setting, lasting))
    try:
        world.operator.do("set", topic, setting)
        time.sleep(lasting)
    finally:
        world.operator.do("set", topic)
