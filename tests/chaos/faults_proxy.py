"""Requests that end transactions, or move offsets in them, arrive late: in the producer's next transaction."""

import time

import frames
import processes

_LIMIT_S = 45


def delayed_end(case):
    _delay(case, frames.END_TXN, "EndTxn")


def delayed_offsets(case):
    _delay(case, frames.TXN_OFFSET_COMMIT, "TxnOffsetCommit")


def _delay(case, api, name):
    proxy = case.world.proxy
    count, until_timeout = case.rng.randint(1, 4), case.rng.random() < 0.3
    before = proxy.held[api], proxy.landed[api]
    proxy.arm(api, count, until_timeout)
    processes.wait_until(lambda: proxy.held[api] >= before[0] + count, 10)
    proxy.disarm()
    time.sleep(0.1)
    processes.wait_until(lambda: proxy.all_released(api), _LIMIT_S)
    case.say("%d %s held %s; %d landed in a later transaction" % (
        proxy.held[api] - before[0], name, "past their timeout" if until_timeout else "with their connection cut",
        proxy.landed[api] - before[1]))
