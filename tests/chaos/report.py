"""What a run comes to: the table, the closing line, and the picture's file."""

import json
import os

import faults
import frames
import picture


def differences(verified):
    """{check.kind: count} of the verifier's report."""
    found = {}
    for check in verified["checks"]:
        for name, kind in check["kinds"].items():
            if kind["count"]:
                found["%s, %s" % (check["check"], name)] = kind["count"]
    return found


def never_died(deaths):
    """One pod may have had no task, or no broker; if it is so with all of them the fault was none."""
    return len(deaths) >= 3 and not any(deaths)


def table(done):
    """Lines: each kind with how often it was, and how long recovery took."""
    lines = ["%-20s %6s %14s %14s" % ("fault", "times", "mean recovery", "longest")]
    for kind in faults.KINDS:
        times = [fault.recovery for fault in done if fault.kind == kind and fault.recovery is not None]
        count = sum(fault.kind == kind for fault in done)
        if count:
            mean = sum(times) / len(times) if times else float("nan")
            lines.append("%-20s %6d %12.1f s %12.1f s" % (kind, count, mean, max(times, default=float("nan"))))
    return lines


def proxy_lines(proxy):
    names = {frames.END_TXN: "EndTxn", frames.TXN_OFFSET_COMMIT: "TxnOffsetCommit"}
    return ["%-20s %6d held, %d released, %d of them into a later transaction, where %d were accepted; %d lost" % (
        names[api], proxy.held[api], proxy.released[api], proxy.later[api], proxy.landed[api], proxy.lost[api])
            for api in names if proxy.held[api]]


def write_picture(path, world, done, title):
    kinds = {name: kind.target for name, kind in faults.KINDS.items()}
    with open(path, "w", encoding="utf-8") as file:
        file.write(picture.draw(world.watcher.samples, done, kinds, title))


def write_json(work, verified, done):
    with open(os.path.join(work, "chaos.json"), "w", encoding="utf-8") as file:
        json.dump({"faults": [vars(fault) for fault in done], "verifier": verified}, file, indent=1)
