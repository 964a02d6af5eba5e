"""The mock of OpenAI's Responses API: create, stream, stored responses, background ones, counting."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from . import brain, openai_rules, responses_hosted, responses_rules, responses_stream
from .brain import Ask
from .odds import logprobs
from .responses_rules import Seal
from .server import RECORDED, Frame, Refusal

if TYPE_CHECKING:
    from .openai_api import OpenAIVendor


@dataclass
class Stored:
    """A response that the vendor keeps."""

    response: dict
    """As it is now."""
    input: list[dict]
    """Its own input, each item with an id."""
    history: list[dict]
    """The whole conversation, its output not included."""
    events: list[dict]
    work: asyncio.Task | None = None


class Responses:
    """The paths below `/v1/responses`."""

    def __init__(self, vendor: OpenAIVendor):
        self._vendor = vendor
        self._seal = Seal(vendor.key)
        self._stored: dict[str, Stored] = {}

    def routes(self) -> list[web.RouteDef]:
        """Its paths."""
        return [
            web.post("/v1/responses", self._create),
            web.post("/v1/responses/input_tokens", self._count),
            web.get("/v1/responses/{id}", self._retrieve),
            web.delete("/v1/responses/{id}", self._delete),
            web.post("/v1/responses/{id}/cancel", self._cancel),
            web.get("/v1/responses/{id}/input_items", self._items),
        ]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = self._vendor.read_json(request)
        responses_rules.create(body)
        model, number = body["model"], request[RECORDED].request_id.removeprefix("req_")
        self._vendor.find(model)
        history = self._history(body)
        ask = read(body, history)
        self._vendor.fail(model, " ".join(ask.user_words()))
        reply = brain.answer(ask)
        opened = responses_stream.response(body, number)
        tools = [tool for tool in body.get("tools") or [] if tool["type"] in responses_hosted.ITEMS]
        if model == "mock-tools" and tools and not ask.tools and ask.lines[-1][0] != "tool":
            output = responses_stream.ran(ask, tools, number)
        else:
            output = responses_stream.items(reply, body, number, self._seal, self._odds(body))
        last = responses_stream.complete(opened, reply, output)
        obfuscate = (body.get("stream_options") or {}).get("include_obfuscation", True)
        events = list(responses_stream.events(opened, last, obfuscate))
        given = _items(body["input"])
        named = [{"id": f"{_prefix(item)}_{number}_in{at}"} | item for at, item in enumerate(given)]
        stored = Stored(opened if body.get("background") else last, named, history, events)
        if body.get("store") is not False:
            self._stored[opened["id"]] = stored
        if body.get("background"):
            stored.work = asyncio.create_task(self._work(stored, model, last))
        if body.get("stream"):
            return await self._stream(request, model, events)
        # One in the background is answered at once, whatever its model waits for.
        return await self._vendor.reply(request, "" if body.get("background") else model, stored.response)

    async def _work(self, stored: Stored, model: str, last: dict) -> None:
        await self._vendor.hold(model)
        stored.response = last

    async def _stream(self, request: web.Request, model: str, events: list[dict]) -> web.StreamResponse:
        frames = [_frame(event) for event in events]
        first = next((at for at, frame in enumerate(frames) if frame.grows), len(frames) - 1)
        error = {
            "type": "error",
            "code": "server_error",
            "message": f"The server had an error: {request[RECORDED].request_id}",
            "param": None,
            "sequence_number": first + 1,
        }
        return await self._vendor.stream(request, model, frames, _frame(error))

    def _history(self, body: dict) -> list[dict]:
        """The conversation: what came before, then the input."""
        items = _items(body["input"])
        before = body.get("previous_response_id")
        if before is not None:
            if before not in self._stored:
                said = f"Previous response with id '{before}' not found."
                raise openai_rules.bad(said, "previous_response_id", "previous_response_not_found")
            stored = self._stored[before]
            items = stored.history + stored.response["output"] + items
        if body.get("conversation") is not None:
            raise Refusal(404, "invalid_request_error", "Conversation not found.", param="conversation")
        kept = {
            item["id"]: item for stored in self._stored.values() for item in stored.input + stored.response["output"]
        }
        for at, item in enumerate(items):
            if item.get("type") == "item_reference" or set(item) == {"id"}:
                if item["id"] not in kept:
                    raise Refusal(
                        404, "invalid_request_error", f"Item with id '{item['id']}' not found.", param="input"
                    )
                items[at] = kept[item["id"]]
        responses_rules.conversation(items, kept, self._seal)
        return items

    def _odds(self, body: dict) -> responses_stream.Odds:
        if "message.output_text.logprobs" not in (body.get("include") or []):
            return lambda _: []
        return lambda tokens: logprobs(tokens, body.get("top_logprobs") or 0)["content"]

    async def _count(self, request: web.Request) -> web.StreamResponse:
        body = self._vendor.read_json(request)
        responses_rules.count(body)
        self._vendor.find(body["model"])
        counted = brain.answer(read(body, self._history(body))).usage.input
        return await self._vendor.reply(request, "", {"object": "response.input_tokens", "input_tokens": counted})

    def _find(self, request: web.Request) -> Stored:
        id = request.match_info["id"]
        if id not in self._stored:
            raise Refusal(404, "invalid_request_error", f"Response with id '{id}' not found.")
        return self._stored[id]

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        stored = self._find(request)
        if request.query.get("stream") != "true":
            return await self._vendor.reply(request, "", stored.response)
        after = int(request.query.get("starting_after", -1))
        if stored.work is None:
            raise openai_rules.bad(
                "Only responses created with 'background' and 'stream' can be streamed again.", "stream"
            )
        await asyncio.shield(stored.work)
        return await self._stream(request, "", stored.events[after + 1 :])

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        gone = self._find(request).response["id"]
        del self._stored[gone]
        return await self._vendor.reply(request, "", {"id": gone, "object": "response", "deleted": True})

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        stored = self._find(request)
        if stored.work is None:
            raise openai_rules.bad("Cannot cancel a synchronous response.")
        if not stored.work.done():
            stored.work.cancel()
            stored.response = stored.response | {"status": "cancelled"}
        return await self._vendor.reply(request, "", stored.response)

    async def _items(self, request: web.Request) -> web.StreamResponse:
        items = self._find(request).input
        order, limit = request.query.get("order", "desc"), int(request.query.get("limit", 20))
        if order not in ("asc", "desc") or not 1 <= limit <= 100:
            raise openai_rules.bad("Invalid 'order' or 'limit': asc or desc, 1 to 100.", "limit")
        items = [_stored_form(item) for item in (items if order == "asc" else reversed(items))]
        ids = [item["id"] for item in items]
        if after := request.query.get("after"):
            items = items[ids.index(after) + 1 :]
        page = items[:limit]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": "", "last_id": ""}
        return await self._vendor.reply(
            request, "", {"object": "list", "data": page, "has_more": len(items) > limit} | ends
        )


def _items(given: str | list[dict]) -> list[dict]:
    return [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else list(given)


def _prefix(item: dict) -> str:
    return responses_rules.PREFIXES.get(item.get("type", "message"), "item")


def _stored_form(item: dict) -> dict:
    """An item of the input as the vendor gives it back: content is a list."""
    if item.get("type", "message") != "message":
        return item
    kind = "output_text" if item["role"] == "assistant" else "input_text"
    more = {"annotations": []} if kind == "output_text" else {}
    content = item["content"]
    if isinstance(content, str):
        content = [{"type": kind, "text": content} | more]
    return item | {"type": "message", "status": "completed", "content": content}


def _frame(event: dict) -> Frame:
    data = json.dumps(event, ensure_ascii=False)
    return Frame(f"event: {event['type']}\ndata: {data}\n\n".encode(), event["type"].endswith(".delta"))


def read(body: dict, history: list[dict]) -> Ask:
    """A request that passed the rules, in neutral words."""
    lines: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    if body.get("instructions"):
        lines.append(("system", body["instructions"]))
    for item in history:
        match item.get("type", "message"):
            case "message":
                lines += _lines({"developer": "system"}.get(item["role"], item["role"]), item["content"])
            case "function_call":
                names[item["call_id"]] = item["name"]
                lines.append(("assistant", brain.call_line(item["name"], _arguments(item["arguments"]))))
            case "custom_tool_call":
                names[item["call_id"]] = item["name"]
                lines.append(("assistant", brain.call_line(item["name"], item["input"])))
            case "function_call_output" | "custom_tool_call_output":
                said = _lines("tool", item["output"]) or [("tool", "")]
                lines += [(role, brain.result_line(names[item["call_id"]], line)) for role, line in said]
    tools = body.get("tools") or []
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        allowed = [tool.get("name") for tool in choice["tools"]]
        tools, choice = [tool for tool in tools if tool.get("name") in allowed], choice["mode"]
    wanted = (body.get("text") or {}).get("format") or {}
    return Ask(
        model=body["model"],
        lines=lines,
        tools=[known for tool in tools for known in _tools(tool, body["model"])],
        choice=choice if isinstance(choice, str) else choice.get("name", "auto"),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=wanted["schema"] if wanted.get("type") == "json_schema" else None,
        max_tokens=body.get("max_output_tokens"),
        thinks=(body.get("reasoning") or {}).get("effort") != "none",
    )


def _tools(tool: dict, model: str, namespace: str | None = None) -> list[brain.Tool]:
    """The tools that the client runs; of those that are no plain functions only one model knows."""
    match tool["type"]:
        case "function":
            return [brain.Tool(tool["name"], tool.get("parameters") or {}, namespace)]
        case "custom" if model == "mock-script":
            return [brain.Tool(tool["name"], {}, namespace, custom=True)]
        case "namespace" if model == "mock-script":
            return [known for inner in tool["tools"] for known in _tools(inner, model, tool["name"])]
        case _:
            return []


def _lines(role: str, content: str | list[dict]) -> list[tuple[str, str]]:
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    lines = []
    for part in parts:
        if part.get("image_url"):
            lines.append((role, brain.image_line(*openai_rules.image(part["image_url"]))))
        elif text := part.get("text", part.get("refusal")):
            lines.append((role, text))
    return lines


def _arguments(text: str) -> object:
    """Arguments are text to the API, whatever it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
