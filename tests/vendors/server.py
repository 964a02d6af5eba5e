"""What all mock vendors share: a server in a thread of its own, the record of what it received, refusals, faults."""

import asyncio
import itertools
import json
import threading
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy

# The largest request that a vendor takes; OpenAI's and Anthropic's limits are of this size.
MAX_BODY = 32 << 20


class Refusal(Exception):
    """An error that the vendor answers with, in its own shape."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message
        self.param, self.code, self.headers = param, code, headers or {}


@dataclass
class Recorded:
    """A request as it came, and what became of it."""

    method: str
    path: str
    query: str
    headers: CIMultiDictProxy[str]
    body: bytes
    request_id: str
    status: int | None = None
    """Known as soon as the answer begins."""
    dropped: bool = False
    """The client went away before the answer's end."""

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


RECORDED = web.RequestKey("recorded", Recorded)


@dataclass
class Frame:
    """A piece of a streamed answer."""

    data: bytes
    grows: bool = False
    """It carries text, thinking or arguments."""


class Vendor:
    """A mock vendor. `with OpenAIVendor("key") as vendor:` serves at `vendor.url` until the block ends."""

    MODELS_PATH: str | tuple[str, ...] = "/v1/models"
    STREAM_TYPE = "text/event-stream; charset=utf-8"
    KEEP_ALIVE = b": keep-alive\n\n"
    """What may stand between two frames and says nothing."""

    def __init__(self, key: str):
        self.key = key
        self.retry_after = "7"
        """What a 429 says."""
        self.requests: list[Recorded] = []
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._gate: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    # What a vendor fills in.

    def routes(self) -> list[web.RouteDef]:
        """Its paths."""
        raise NotImplementedError

    def refusal_body(self, refusal: Refusal, recorded: Recorded) -> dict:
        """An error in its shape."""
        raise NotImplementedError

    def answer_headers(self, recorded: Recorded) -> dict[str, str]:
        """Headers of every answer."""
        raise NotImplementedError

    def authorise(self, request: web.Request) -> None:
        """Refuses a request without the right credential."""
        raise NotImplementedError

    def refusal_headers(self, refusal: Refusal) -> dict[str, str]:
        """Headers of an error."""
        return refusal.headers

    def streams(self, recorded: Recorded) -> bool:
        """Did this request ask for a stream?"""
        return recorded.json.get("stream", False)

    # Life.

    def __enter__(self) -> "Vendor":
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
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        # Connections that a test left open are not waited for.
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        self._gate = asyncio.Event()
        app = web.Application(middlewares=[self._middleware], client_max_size=MAX_BODY)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        # The backlog must hold a burst of a load test.
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]

    @property
    def url(self) -> str:
        """Its origin, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Recorded:
        """The newest request, model lists aside: who lists models when is the client's affair."""
        return next(r for r in reversed(self.requests) if not r.path.startswith(self.MODELS_PATH))

    def open_gate(self) -> None:
        """Lets those go on who wait in `mock-gate` and `mock-slow`."""
        self._loop.call_soon_threadsafe(self._gate.set)

    def close_gate(self) -> None:
        """Makes them wait again."""
        self._loop.call_soon_threadsafe(self._gate.clear)

    # Requests.

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.read()
        recorded = Recorded(
            request.method, request.path, request.query_string, request.headers, body, f"req_{next(self._numbers):06d}"
        )
        self.requests.append(recorded)
        request[RECORDED] = recorded
        try:
            try:
                self.authorise(request)
                response = await handler(request)
            except web.HTTPNotFound:
                raise Refusal(404, "not_found_error", f"Invalid URL ({request.method} {request.path})") from None
            except web.HTTPMethodNotAllowed:
                raise Refusal(405, "invalid_request_error", f"Not allowed: {request.method} {request.path}") from None
        except Refusal as refusal:
            recorded.status = refusal.status
            response = web.json_response(
                self.refusal_body(refusal, recorded),
                status=refusal.status,
                headers=self.answer_headers(recorded) | self.refusal_headers(refusal),
            )
        except (asyncio.CancelledError, ConnectionError):
            recorded.dropped = True
            raise
        return response

    def read_json(self, request: web.Request, types: tuple[str, ...] = ("application/json",)) -> dict:
        """The body as a JSON object."""
        recorded: Recorded = request[RECORDED]
        if request.content_type not in types:
            raise Refusal(
                400, "invalid_request_error", f"content-type: {request.content_type!r} is not application/json"
            )
        try:
            body = json.loads(recorded.body, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        except ValueError as error:
            raise Refusal(
                400, "invalid_request_error", f"We could not parse the JSON body of your request: {error}"
            ) from error
        if not isinstance(body, dict):
            raise Refusal(400, "invalid_request_error", "the body is not a JSON object")
        return body

    # Answers, with the faults that a model's name asks for.

    async def reply(self, request: web.Request, model: str, body: dict) -> web.StreamResponse:
        """A whole answer."""
        await self.hold(model)
        recorded: Recorded = request[RECORDED]
        recorded.status = 200
        headers = self.answer_headers(recorded)
        if model in ("mock-cut", "mock-truncated"):
            data = json.dumps(body).encode()
            response = web.StreamResponse(
                headers=headers | {"content-type": "application/json", "content-length": str(len(data))}
            )
            await response.prepare(request)
            await response.write(data[: len(data) // 2])
            request.transport.close()
            return response
        return web.json_response(body, headers=headers)

    async def stream(self, request: web.Request, model: str, frames: list[Frame], error: Frame) -> web.StreamResponse:
        """A streamed answer; `error` is what the vendor sends when it fails in the middle."""
        await self.hold(model)
        request[RECORDED].status = 200
        headers = self.answer_headers(request[RECORDED]) | {
            "content-type": self.STREAM_TYPE,
            "cache-control": "no-cache",
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        said = False
        for frame in frames:
            if model == "mock-dribble":
                data = self.KEEP_ALIVE + frame.data
                for at in range(0, len(data), 3):
                    await response.write(data[at : at + 3])
            else:
                await response.write(frame.data)
            if not frame.grows or said:
                continue
            said = True
            match model:
                case "mock-gate":
                    await self._gate.wait()
                case "mock-cut":
                    request.transport.close()
                    return response
                case "mock-truncated":
                    break
                case "mock-error-mid":
                    await response.write(error.data)
                    break
        await response.write_eof()
        return response

    async def hold(self, model: str) -> None:
        """Waits where the model's name says so."""
        if model == "mock-slow":
            await self._gate.wait()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError("a key is there twice")
    return built


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
