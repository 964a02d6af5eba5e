"""A server that is every vendor at once and sends what a test says, cut at awkward points. What it is asked must pass the
vendor's strict rules, and is kept."""

import json
import random
from collections import deque
from dataclasses import dataclass, field
from types import ModuleType

from aiohttp import web

from fidelity.wires import WIRES
from vendors import sigv4
from vendors.server import RECORDED, Recorded, Refusal, Vendor

KEY = "AKIAVENDORBEDROCK:vendor-bedrock-secret-access-key"
# Streams up to this length are cut between every two bytes, longer ones at random points.
EVERY_BYTE = 3000
SEED = 20261125
# Where each vendor's base URL is below the server's. Bedrock signs its path, so it has the root.
BASES = {
    "openai": "/chat/v1",
    "openai-responses": "/responses/v1",
    "anthropic": "/anthropic",
    "bedrock": "",
    "gemini": "/gemini/v1beta",
}


LISTS = ["/chat/v1/models", "/responses/v1/models", "/anthropic/v1/models", "/gemini/v1beta/models"]


@dataclass
class Reply:
    """What the vendor sends."""

    body: bytes
    kind: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    breaks: bool = False
    """The connection breaks at the end of `body`."""
    at_once: bool = False
    """The whole stream comes in one piece."""


class Scripted(Vendor):
    """Every vendor, on loopback."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.replies: deque[Reply] = deque()
        self.faults: list[str] = []
        """What the vendors' rules refused."""

    def routes(self) -> list[web.RouteDef]:
        asked = [
            ("/chat/v1/chat/completions", "openai"),
            ("/responses/v1/responses", "openai-responses"),
            ("/anthropic/v1/messages", "anthropic"),
            ("/model/{id}/converse", "bedrock"),
            ("/model/{id}/converse-stream", "bedrock"),
            ("/gemini/v1beta/models/{call}", "gemini"),
        ]
        plain = ["/chat/v1/embeddings", "/responses/v1/embeddings", "/model/{id}/invoke"]
        lists = [(path, WIRES[name]) for name, base in BASES.items() if base for path in LISTS if path.startswith(base)]
        return (
            [web.post(path, self._checked(WIRES[name])) for path, name in asked]
            + [web.post(path, self._send) for path in plain]
            + [web.get(path, self._list(wire)) for path, wire in lists]
        )

    def answer_headers(self, recorded: Recorded) -> dict[str, str]:
        return {"x-request-id": recorded.request_id}

    def refusal_body(self, refusal: Refusal, recorded: Recorded) -> dict:
        return {"error": {"message": refusal.message, "type": refusal.kind}}

    def authorise(self, request: web.Request) -> None:
        given = request.headers.get("authorization", "")
        keys = (f"Bearer {KEY}", request.headers.get("x-api-key"), request.headers.get("x-goog-api-key"))
        if request.path.startswith("/model/"):
            url = f"{self.url}{request.raw_path}"
            sigv4.verify(request.method, url, request.headers, request[RECORDED].body, KEY, "us-east-1", "bedrock")
        elif given != keys[0] and KEY not in keys:
            raise Refusal(401, "authentication_error", "no credential")

    def _list(self, wire: ModuleType):
        async def handle(request: web.Request) -> web.StreamResponse:
            return web.json_response(wire.MODELS)

        return handle

    def _checked(self, wire: ModuleType):
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                wire.check(request.path, dict(request.headers), self.read_json(request))
            except Refusal as refusal:
                self.faults.append(refusal.message)
                raise
            return await self._send(request)

        return handle

    async def _send(self, request: web.Request) -> web.StreamResponse:
        if not self.replies:
            raise Refusal(500, "server_error", "the test did not say what to answer")
        reply = self.replies.popleft()
        head = {"content-type": reply.kind} | reply.headers
        streams = "stream" in reply.kind
        if not streams and not reply.breaks:
            return web.Response(body=reply.body, status=reply.status, headers=head)
        head |= {} if streams else {"content-length": str(len(reply.body) + 1)}
        response = web.StreamResponse(status=reply.status, headers=head)
        await response.prepare(request)
        for piece in [reply.body] if reply.at_once or not streams else cut(reply.body):
            await response.write(piece)
        if reply.breaks:
            request.transport.close()
        else:
            await response.write_eof()
        return response


def cut(data: bytes) -> list[bytes]:
    """Between every two bytes, or at random points that are the same each time."""
    if len(data) <= EVERY_BYTE:
        return [data[at : at + 1] for at in range(len(data))]
    points = sorted(random.Random(SEED).sample(range(1, len(data)), 200))
    return [data[start:end] for start, end in zip([0, *points], [*points, len(data)], strict=True)]


def json_bytes(body: object) -> bytes:
    """As most vendors write it."""
    return json.dumps(body, ensure_ascii=False).encode()
