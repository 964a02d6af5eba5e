"""A tap on a connection: a proxy on loopback that hands everything on, both ways as it comes, and keeps what went through."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

# What belongs to a connection, not to what goes over it.
OF_A_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "content-encoding"}


@dataclass
class Exchange:
    """A request and its answer."""

    method: str
    path: str
    headers: dict[str, str]
    asked: bytes
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answered: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status} {self.answered[:2000].decode(errors='replace')}"


class Tap:
    """`with Tap(url) as tap:` serves at `tap.url` until the block ends."""

    def __init__(self, target: str):
        self._target = target
        self.exchanges: list[Exchange] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Tap":
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 30)
        app.add_routes([web.route("*", "/{path:.*}", self._pass)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _end(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(request.method, request.path_qs, _kept(request.headers), await request.read())
        self.exchanges.append(exchange)
        url = self._target + exchange.path
        async with self._session.request(request.method, url, headers=exchange.headers, data=exchange.asked) as answer:
            exchange.status, exchange.answer_headers = answer.status, _kept(answer.headers)
            response = web.StreamResponse(status=answer.status, headers=exchange.answer_headers)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                exchange.answered += piece
                await response.write(piece)
            await response.write_eof()
            return response


def _kept(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() not in OF_A_CONNECTION}
