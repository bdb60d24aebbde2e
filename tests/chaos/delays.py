"""Which requests the proxy holds back, and when it lets them go: into the same producer's next transaction.

A held EndTxn goes when the next transaction has sent records; a held TxnOffsetCommit after the next transaction's own
offsets, right before its end. In between the client has lost its connection, or its patience, and has repeated the
request on another one.
"""

import asyncio
import dataclasses

import frames

_GIVE_UP_S = 30  # A producer that is gone has no next transaction.
_ANSWER_S = 3


@dataclasses.dataclass
class Held:
    """A request that is held back."""

    request: frames.Request
    relay: object
    since: float
    repeated: bool = False   # The client's repetition was answered, or it began anew.
    open_again: bool = False  # The next transaction has partitions.
    offsets_sent: bool = False
    anew: bool = False       # The producer was initialised meanwhile.
    going: bool = False


class Delays:
    """Told of every transactional request; `report` gets a dictionary for each request held or released."""

    def __init__(self, report):
        self._report = report
        self._wanted = {frames.END_TXN: 0, frames.TXN_OFFSET_COMMIT: 0}
        self._until_timeout = False
        self._held = {}  # By transactional id.

    def arm(self, api, count, until_timeout):
        """Holds the next `count` such requests, one per transactional id at a time. Without `until_timeout` the client's
        connection is cut at once, so that it repeats its request the sooner."""
        self._wanted[api] = count
        self._until_timeout = until_timeout

    def disarm(self):
        self._wanted = dict.fromkeys(self._wanted, 0)

    async def before(self, request, relay):
        """Called before a request is passed on; True: hold it, and cut the client's connection; "keep": hold only."""
        held = self._held.get(request.transactional_id)
        if held is None:
            return self._take(request, relay)
        if held.request.api == frames.TXN_OFFSET_COMMIT and request.api == frames.END_TXN and held.offsets_sent:
            await self._release(held)
        return False

    def _take(self, request, relay):
        if self._wanted.get(request.api, 0) <= 0 or relay.holding:
            return False
        self._wanted[request.api] -= 1
        loop = asyncio.get_running_loop()
        held = Held(request, relay, loop.time())
        self._held[request.transactional_id] = held
        loop.call_later(_GIVE_UP_S, lambda: loop.create_task(self._release(held)))
        self._report({"what": "held", "api": request.api, "id": request.transactional_id})
        return "keep" if self._until_timeout else True

    def passed(self, request, answered):
        """Called when a request was passed on, and again (answered) when its answer came."""
        held = self._held.get(request.transactional_id)
        if held is None or held.request is request:
            return
        if request.api == frames.INIT_PRODUCER_ID:
            held.anew = True
        if answered and request.api in (held.request.api, frames.INIT_PRODUCER_ID):
            held.repeated = True
            if held.open_again and request.api == frames.TXN_OFFSET_COMMIT:
                held.offsets_sent = True
        elif not answered and held.repeated:
            self._next_transaction(held, request)

    def _next_transaction(self, held, request):
        if request.api == frames.ADD_PARTITIONS:
            held.open_again = True
        elif request.api == frames.PRODUCE and held.open_again and held.request.api == frames.END_TXN:
            asyncio.get_running_loop().create_task(self._release(held))

    async def _release(self, held):
        if held.going:
            return
        held.going = True
        result = {"what": "released", "api": held.request.api, "id": held.request.transactional_id,
                  "later": held.open_again, "anew": held.anew}
        try:
            answer = await asyncio.wait_for(held.relay.let_go(), _ANSWER_S)
            result["error"] = frames.decode_error(held.request, answer)
        except (asyncio.TimeoutError, ConnectionError, OSError) as error:
            result["lost"] = str(error) or "no answer"
        if self._held.get(held.request.transactional_id) is held:
            del self._held[held.request.transactional_id]
        result["held_s"] = asyncio.get_running_loop().time() - held.since
        self._report(result)
