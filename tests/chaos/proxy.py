"""The proxy between pods and brokers: passes frames on, and delays those that it is told to.

  proxy.py LISTEN_HOST:PORT=BROKER_HOST:PORT ...

Orders come as JSON lines: {"api": 26, "count": 3, "until_timeout": false}, {"disarm": true}; what happened goes out so.
"""

import asyncio
import json
import struct
import sys

import delays
import frames

_LIMIT = 1 << 20
_LINGER_S = 2


async def read_frame(reader):
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


def write_frame(writer, data):
    writer.write(struct.pack(">i", len(data)) + data)


class Relay:
    """One client's connection and the one to the broker that belongs to it."""

    def __init__(self, rules, client_reader, client_writer):
        self._rules = rules
        self._client_reader, self._client_writer = client_reader, client_writer
        self._broker_reader = self._broker_writer = None
        self._behind = []     # Frames behind the one that is held, itself included.
        self._waiting = {}    # Requests of interest without an answer, by correlation id.
        self._answer = None   # Future of the held request's answer.
        self.holding = False

    async def run(self, host, port):
        try:
            self._broker_reader, self._broker_writer = await asyncio.open_connection(host, port, limit=_LIMIT)
        except OSError:
            self._client_writer.transport.abort()
            return
        back = asyncio.create_task(self._back())
        try:
            await self._forth()
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            pass
        if self.holding:
            return  # let_go() needs the connection to the broker.
        self._broker_writer.close()
        self._client_writer.close()
        await back

    async def _forth(self):
        while True:
            data = await read_frame(self._client_reader)
            request = frames.decode_request(data)
            if self.holding:
                self._behind.append(data)
                continue
            if request is not None:
                verdict = await self._rules.before(request, self)
                if verdict:
                    self._hold(request, data)
                    if verdict == "keep":
                        continue
                    self._client_writer.transport.abort()
                    return
                self._waiting[request.correlation] = request
            write_frame(self._broker_writer, data)
            await self._broker_writer.drain()
            if request is not None:
                self._rules.passed(request, answered=False)

    def _hold(self, request, data):
        self.holding = True
        self._behind.append(data)
        self._answer = asyncio.get_running_loop().create_future()
        self._waiting[request.correlation] = None

    async def _back(self):
        try:
            while True:
                data = await read_frame(self._broker_reader)
                correlation = frames.correlation_of(data)
                request = self._waiting.pop(correlation, False)
                if request is None:
                    self._answer.set_result(data)
                elif request:
                    self._rules.passed(request, answered=True)
                if not self._client_writer.transport.is_closing():
                    write_frame(self._client_writer, data)
                    await self._client_writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, OSError) as error:
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(ConnectionError("the broker closed the connection: %s" % error))
                self._answer.exception()  # Seen, even if nobody asks.
        self._client_writer.close()

    async def let_go(self):
        """Sends what is held, and returns the broker's answer to it."""
        if self._answer.done():
            return self._answer.result()
        self.holding = False
        for data in self._behind:
            write_frame(self._broker_writer, data)
        await self._broker_writer.drain()
        if self._client_writer.transport.is_closing():
            asyncio.get_running_loop().call_later(_LINGER_S, self._broker_writer.close)
        return await asyncio.shield(self._answer)


async def take_orders(rules):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order.get("disarm"):
            rules.disarm()
        else:
            rules.arm(order["api"], order["count"], order["until_timeout"])


async def main(routes):
    rules = delays.Delays(lambda event: print(json.dumps(event), flush=True))
    relays = set()

    async def serve(reader, writer, host, port):
        task = asyncio.current_task()
        relays.add(task)
        try:
            await Relay(rules, reader, writer).run(host, port)
        finally:
            relays.discard(task)

    for route in routes:
        (listen_host, listen_port), (host, port) = (end.rsplit(":", 1) for end in route.split("="))
        await asyncio.start_server(lambda r, w, h=host, p=int(port): serve(r, w, h, p), listen_host, int(listen_port),
                                   limit=_LIMIT)
    print(json.dumps({"what": "listening"}), flush=True)
    await take_orders(rules)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
