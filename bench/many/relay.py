"""Passes connections on to a broker, later: python3 relay.py LISTEN_PORT BROKER_PORT DELAY_MS.

For machines whose kernel cannot delay packets (tc netem). Each direction is late by DELAY_MS, whatever its amount.
"""

import asyncio
import sys


async def pass_on(reader, writer, delay_s):
    loop = asyncio.get_running_loop()
    waiting = asyncio.Queue()

    async def write_late():
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                return
            writer.write(data)
            await writer.drain()

    late = asyncio.create_task(write_late())
    try:
        while True:
            data = await reader.read(1 << 16)
            waiting.put_nowait((loop.time() + delay_s, data))
            if not data:
                break
        await late
    except OSError:
        late.cancel()
    writer.close()


async def main(listen_port, broker_port, delay_ms):
    async def serve(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", broker_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, far_writer, delay_ms / 1000), pass_on(far_reader, writer, delay_ms / 1000))

    server = await asyncio.start_server(serve, "127.0.0.1", listen_port)
    async with server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
