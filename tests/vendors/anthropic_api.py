"""The mock of Anthropic's API: messages, count_tokens, models."""

import base64
import hashlib
import hmac
import json
import re

from aiohttp import web

from . import anthropic_rules, brain
from .anthropic_rules import THINKING, bad, blocks
from .brain import Ask, Call, Reply, Text, Thinking
from .server import RECORDED, Frame, Recorded, Refusal, Vendor

FINISH = {"stop": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens", "tool_calls": "tool_use"}
PAGE, LARGEST_PAGE = 20, 1000


class AnthropicVendor(Vendor):
    """Anthropic on loopback; its base URL is `vendor.url`."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/messages", self._messages),
            web.post("/v1/messages/count_tokens", self._count),
            web.get("/v1/models", self._models),
            web.get("/v1/models/{id}", self._model),
        ]

    def answer_headers(self, recorded: Recorded) -> dict[str, str]:
        return {
            "request-id": recorded.request_id,
            "anthropic-organization-id": "11111111-2222-3333-4444-555555555555",
            "anthropic-ratelimit-requests-remaining": str(10_000 - len(self.requests)),
        }

    def refusal_body(self, refusal: Refusal, recorded: Recorded) -> dict:
        return {
            "type": "error",
            "error": {"type": refusal.kind, "message": refusal.message}
            | ({"details": {"error_code": refusal.code}} if refusal.code else {}),
            "request_id": recorded.request_id,
        }

    def authorise(self, request: web.Request) -> None:
        given = request.headers.getall("x-api-key", []) + request.headers.getall("authorization", [])
        if not given:
            raise Refusal(401, "authentication_error", "x-api-key header is required")
        if any(one not in (self.key, f"Bearer {self.key}") for one in given):
            raise Refusal(401, "authentication_error", "invalid x-api-key")
        version = request.headers.get("anthropic-version")
        if version not in anthropic_rules.VERSIONS:
            raise bad(
                f"anthropic-version: {version!r} is not a valid version"
                if version
                else "anthropic-version: header is required"
            )
        for beta in betas(request):
            # Claude Code's own has no dashes in its date.
            if not re.fullmatch(r"[a-z0-9-]+-\d{4}-?\d{2}-?\d{2}", beta):
                raise bad(f"Unexpected value(s) `{beta}` for the `anthropic-beta` header.")

    def _find(self, model: str) -> None:
        if model not in brain.MODELS:
            raise Refusal(404, "not_found_error", f"model: {model}")

    def _fail(self, model: str, said: str) -> None:
        match model:
            case "mock-429":
                raise Refusal(
                    429,
                    "rate_limit_error",
                    f"This request would exceed your rate limit: {said}",
                    headers={"retry-after": self.retry_after},
                )
            case "mock-500":
                raise Refusal(500, "api_error", f"Internal server error: {said}")
            case "mock-overloaded":
                raise Refusal(529, "overloaded_error", f"Overloaded: {said}")

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body = self.read_json(request)
        anthropic_rules.messages(body, request.headers["anthropic-version"], betas(request))
        self._check_thoughts(body["messages"])
        model = body["model"]
        self._find(model)
        ask = read(body)
        self._fail(model, " ".join(ask.user_words()))
        reply = brain.answer(ask)
        recorded: Recorded = request[RECORDED]
        hidden = (body.get("thinking") or {}).get("display") == "omitted"
        content = [self._content(part, model, hidden, recorded.request_id, at) for at, part in enumerate(reply.parts)]
        message = whole(model, recorded.request_id, content, reply)
        if body.get("stream"):
            error = Frame(
                _event(
                    {
                        "type": "error",
                        "error": {"type": "overloaded_error", "message": f"Overloaded: {recorded.request_id}"},
                    }
                )
            )
            return await self.stream(request, model, list(events(message)), error)
        return await self.reply(request, model, message)

    async def _count(self, request: web.Request) -> web.StreamResponse:
        body = self.read_json(request)
        anthropic_rules.count(body, request.headers["anthropic-version"])
        self._find(body["model"])
        ask = read(body)
        self._fail(body["model"], " ".join(ask.user_words()))
        return await self.reply(request, body["model"], {"input_tokens": brain.answer(ask).usage.input})

    async def _models(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if unknown := set(query) - {"limit", "after_id", "before_id"}:
            raise bad(f"{sorted(unknown)[0]}: Extra inputs are not permitted")
        limit = query.get("limit", str(PAGE))
        if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE:
            raise bad(f"limit: Input should be between 1 and {LARGEST_PAGE}")
        ids = list(brain.MODELS)
        for name in ("after_id", "before_id"):
            if name in query and query[name] not in ids:
                raise bad(f"{name}: no such model")
        if "after_id" in query:
            ids = ids[ids.index(query["after_id"]) + 1 :]
        if "before_id" in query:
            ids = ids[: ids.index(query["before_id"])]
        page = ids[: int(limit)]
        return await self.reply(
            request,
            "",
            {
                "data": [_model(id) for id in page],
                "has_more": len(page) < len(ids),
                "first_id": page[0] if page else None,
                "last_id": page[-1] if page else None,
            },
        )

    async def _model(self, request: web.Request) -> web.StreamResponse:
        self._find(request.match_info["id"])
        return await self.reply(request, "", _model(request.match_info["id"]))

    # Thoughts are signed; whoever sends them back must not have changed them.

    def _sign(self, text: str) -> str:
        mac = hmac.digest(self.key.encode(), text.encode(), hashlib.sha256)
        return base64.b64encode(mac + text.encode()).decode()

    def _signed(self, signature: str) -> str | None:
        """The text that was signed; None if it was not."""
        try:
            raw = base64.b64decode(signature, validate=True)
            text = raw[32:].decode()
        except ValueError:
            return None
        return text if hmac.compare_digest(self._sign(text), signature) else None

    def _check_thoughts(self, messages: list[dict]) -> None:
        for at, message in enumerate(messages):
            for index, block in enumerate(blocks(message["content"])):
                if block["type"] not in THINKING:
                    continue
                text = self._signed(block.get("signature", block.get("data")))
                if text is None or block.get("thinking", "") not in ("", text):
                    raise bad(f"messages.{at}.content.{index}: Invalid `signature` in `{block['type']}` block")

    def _content(self, part: Text | Thinking | Call, model: str, hidden: bool, request_id: str, at: int) -> dict:
        match part:
            case Text(text):
                return {"type": "text", "text": text, "citations": None}
            case Thinking(text) if model == "mock-redacted":
                return {"type": "redacted_thinking", "data": self._sign(text)}
            case Thinking(text):
                return {"type": "thinking", "thinking": "" if hidden else text, "signature": self._sign(text)}
            case Call(name, arguments):
                return {
                    "type": "tool_use",
                    "id": f"toolu_{request_id}_{at}",
                    "name": name,
                    "input": json.loads(arguments),
                    "caller": {"type": "direct"},
                }


def betas(request: web.Request) -> list[str]:
    """The features that a request asks for."""
    given = ",".join(request.headers.getall("anthropic-beta", [])).split(",")
    return [beta.strip() for beta in given if beta.strip()]


def _model(id: str) -> dict:
    return {
        "type": "model",
        "id": id,
        "display_name": id.replace("-", " ").title(),
        "created_at": "2025-02-19T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


def read(body: dict) -> Ask:
    """A request that passed the rules, in neutral words."""
    lines = [("system", block["text"]) for block in blocks(body.get("system", []))]
    names: dict[str, str] = {}
    for message in body["messages"]:
        for block in blocks(message["content"]):
            match block["type"]:
                case "text":
                    lines.append((message["role"], block["text"]))
                case "image":
                    lines.append((message["role"], brain.image_line(*anthropic_rules.image(block["source"], ""))))
                case "tool_use":
                    names[block["id"]] = block["name"]
                    lines.append((message["role"], brain.call_line(block["name"], block["input"])))
                case "tool_result":
                    lines.append(("tool", brain.result_line(names[block["tool_use_id"]], _result(block))))
    choice = body.get("tool_choice") or {"type": "auto"}
    wanted = (body.get("output_config") or {}).get("format") or {}
    return Ask(
        model=body["model"],
        lines=lines,
        tools=[brain.Tool(tool["name"], tool["input_schema"]) for tool in body.get("tools") or [] if "input_schema" in tool],
        choice={"any": "required", "tool": choice.get("name", "")}.get(choice["type"], choice["type"]),
        parallel=not choice.get("disable_parallel_tool_use", False),
        schema=wanted.get("schema"),
        stop=body.get("stop_sequences", []),
        max_tokens=body.get("max_tokens"),
        thinks=(body.get("thinking") or {"type": "disabled"})["type"] != "disabled",
    )


def _result(block: dict) -> str:
    parts = blocks(block.get("content") or [])
    text = "".join(
        part["text"] if part["type"] == "text" else brain.image_line(*anthropic_rules.image(part["source"], ""))
        for part in parts
        if part["type"] in ("text", "image")
    )
    return f"error: {text}" if block.get("is_error") else text


def whole(model: str, request_id: str, content: list[dict], reply: Reply) -> dict:
    """The answer in one piece."""
    used = reply.usage
    hour = used.cache_write // 2
    return {
        "id": f"msg_{request_id}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": FINISH[reply.finish],
        "stop_sequence": reply.stopped_by,
        "stop_details": None,
        "usage": {
            "input_tokens": used.fresh,
            "cache_creation_input_tokens": used.cache_write,
            "cache_read_input_tokens": used.cache_read,
            "cache_creation": {"ephemeral_5m_input_tokens": used.cache_write - hour, "ephemeral_1h_input_tokens": hour},
            "output_tokens": used.output,
            "output_tokens_details": {"thinking_tokens": used.thinking},
            "service_tier": "standard",
        },
    }


def events(message: dict):
    """The same answer in pieces."""
    used = message["usage"]
    opening = message | {
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": used | {"output_tokens": 1},
    }
    yield Frame(_event({"type": "message_start", "message": opening}))
    yield Frame(_event({"type": "ping"}))
    for index, block in enumerate(message["content"]):
        start, deltas = _pieces(block)
        yield Frame(_event({"type": "content_block_start", "index": index, "content_block": start}))
        for delta in deltas:
            yield Frame(_event({"type": "content_block_delta", "index": index, "delta": delta}), grows=True)
        yield Frame(_event({"type": "content_block_stop", "index": index}))
    total = {
        name: used[name]
        for name in (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
            "output_tokens_details",
        )
    }
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"], "stop_details": None}
    yield Frame(_event({"type": "message_delta", "delta": ending, "usage": total}))
    yield Frame(_event({"type": "message_stop"}))


def _pieces(block: dict) -> tuple[dict, list[dict]]:
    match block["type"]:
        case "text":
            return block | {"text": ""}, [
                {"type": "text_delta", "text": token} for token in brain.tokens(block["text"])
            ]
        case "thinking":
            said = [{"type": "thinking_delta", "thinking": token} for token in brain.tokens(block["thinking"])]
            return block | {"thinking": "", "signature": ""}, [
                *said,
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case "tool_use":
            # A call without arguments sends only the empty first piece.
            arguments = json.dumps(block["input"]) if block["input"] else ""
            pieces = ["", *brain.tokens(arguments)]
            return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        case _:
            return block, []


def _event(body: dict) -> bytes:
    return f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
