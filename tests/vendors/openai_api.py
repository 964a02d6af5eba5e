"""The mock of OpenAI's API: chat completions, embeddings, models; Responses are in `responses_api`."""

import base64
import json
import struct
import time

from aiohttp import web

from . import brain, openai_rules
from .brain import Ask, Call, Reply, Text, Thinking
from .odds import logprobs
from .responses_api import Responses
from .server import RECORDED, Frame, Recorded, Refusal, Vendor

FINISH = {"stop": "stop", "stop_sequence": "stop", "length": "length", "tool_calls": "tool_calls"}


class OpenAIVendor(Vendor):
    """OpenAI on loopback; its base URL is `vendor.url + "/v1"`."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self._chat),
            web.post("/v1/embeddings", self._embeddings),
            web.get("/v1/models", self._models),
            web.get("/v1/models/{id:.+}", self._model),
            *Responses(self).routes(),
        ]

    def answer_headers(self, recorded: Recorded) -> dict[str, str]:
        return {
            "x-request-id": recorded.request_id,
            "openai-processing-ms": "1",
            "openai-version": "2020-10-01",
            "x-ratelimit-remaining-requests": str(10_000 - len(self.requests)),
        }

    def refusal_body(self, refusal: Refusal, recorded: Recorded) -> dict:
        return {
            "error": {"message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": refusal.code}
        }

    def authorise(self, request: web.Request) -> None:
        given = request.headers.getall("authorization", [])
        if not given:
            raise Refusal(
                401,
                "invalid_request_error",
                "You didn't provide an API key. You need to provide your API key "
                "in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if given != [f"Bearer {self.key}"]:
            raise Refusal(
                401,
                "invalid_request_error",
                f"Incorrect API key provided: {given[0][7:10]}***.",
                code="invalid_api_key",
            )

    def find(self, model: str) -> None:
        """Refuses a model that isn't there."""
        if model not in brain.MODELS:
            raise Refusal(
                404,
                "invalid_request_error",
                f"The model `{model}` does not exist or you do not have access to it.",
                code="model_not_found",
            )

    def fail(self, model: str, said: str) -> None:
        """The error that a model's name asks for."""
        match model:
            case "mock-429":
                raise Refusal(
                    429,
                    "requests",
                    f"Rate limit reached for {model}: {said}",
                    code="rate_limit_exceeded",
                    headers={"retry-after": self.retry_after},
                )
            case "mock-500":
                raise Refusal(500, "server_error", f"The server had an error while processing your request: {said}")
            case "mock-overloaded":
                raise Refusal(
                    503, "server_error", f"The engine is currently overloaded, please try again later: {said}"
                )

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = self.read_json(request)
        openai_rules.chat(body)
        model = body["model"]
        self.find(model)
        ask = read(body)
        self.fail(model, " ".join(ask.user_words()))
        replies = [brain.answer(ask) for _ in range(body.get("n") or 1)]
        recorded: Recorded = request[RECORDED]
        if body.get("stream"):
            wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            error = Frame(
                _event(
                    {
                        "error": {
                            "message": f"The server had an error: {recorded.request_id}",
                            "type": "server_error",
                            "param": None,
                            "code": None,
                        }
                    }
                )
            )
            frames = list(chunks(model, recorded.request_id, replies, wants_usage, top(body)))
            return await self.stream(request, model, frames, error)
        return await self.reply(request, model, whole(model, recorded.request_id, replies, top(body)))

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = self.read_json(request)
        inputs = openai_rules.embeddings(body)
        self.find(body["model"])
        self.fail(body["model"], " ".join(inputs[0]))
        dimensions = body.get("dimensions", brain.DIMENSIONS)
        if dimensions > brain.DIMENSIONS:
            raise openai_rules.bad(f"Invalid 'dimensions': at most {brain.DIMENSIONS} for this model.", "dimensions")
        data = []
        for index, said in enumerate(inputs):
            vector: list[float] | str = brain.embedding(said, dimensions)
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        count = sum(len(said) for said in inputs)
        return await self.reply(
            request,
            body["model"],
            {
                "object": "list",
                "data": data,
                "model": body["model"],
                "usage": {"prompt_tokens": count, "total_tokens": count},
            },
        )

    async def _models(self, request: web.Request) -> web.StreamResponse:
        listed = {"object": "list", "data": [_model(id) for id in brain.MODELS]}
        return await self.reply(request, "", listed)

    async def _model(self, request: web.Request) -> web.StreamResponse:
        self.find(request.match_info["id"])
        return await self.reply(request, "", _model(request.match_info["id"]))


def _model(id: str) -> dict:
    return {"id": id, "object": "model", "created": 1_700_000_000 + brain.MODELS.index(id), "owned_by": "mock-openai"}


def read(body: dict) -> Ask:
    """A request that passed the rules, in neutral words."""
    lines: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for message in body["messages"]:
        role = {"developer": "system"}.get(message["role"], message["role"])
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        if role == "tool":
            text = "".join(part["text"] for part in parts)
            lines.append((role, brain.result_line(names[message["tool_call_id"]], text)))
            continue
        for part in parts:
            if part["type"] == "image_url":
                lines.append((role, brain.image_line(*openai_rules.image(part["image_url"]["url"]))))
            elif text := part.get("text", part.get("refusal")):
                lines.append((role, text))
        for call in message.get("tool_calls") or []:
            names[call["id"]] = call["function"]["name"]
            lines.append((role, brain.call_line(call["function"]["name"], json.loads(call["function"]["arguments"]))))
    choice = body.get("tool_choice") or "auto"
    stop = body.get("stop") or []
    wanted = body.get("response_format") or {}
    return Ask(
        model=body["model"],
        lines=lines,
        tools=[
            brain.Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
            for tool in body.get("tools") or []
        ],
        choice=choice if isinstance(choice, str) else choice["function"]["name"],
        parallel=body.get("parallel_tool_calls", True),
        schema=wanted["json_schema"].get("schema", {}) if wanted.get("type") == "json_schema" else None,
        stop=[stop] if isinstance(stop, str) else stop,
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        thinks=True,
    )


def usage(replies: list[Reply]) -> dict:
    """The vendor's account: the prompt is counted once, cached tokens are part of it."""
    first = replies[0].usage
    output = sum(reply.usage.output for reply in replies)
    return {
        "prompt_tokens": first.input,
        "completion_tokens": output,
        "total_tokens": first.input + output,
        "prompt_tokens_details": {"cached_tokens": first.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(reply.usage.thinking for reply in replies),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _head(model: str, request_id: str, kind: str) -> dict:
    return {
        "id": f"chatcmpl-{request_id}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_mock",
    }


def _calls(request_id: str, choice: int, reply: Reply) -> list[tuple[str, Call]]:
    calls = [part for part in reply.parts if isinstance(part, Call)]
    return [(f"call_{request_id}_{choice}_{at}", call) for at, call in enumerate(calls)]


def _thoughts(model: str, reply: Reply) -> list[str]:
    """What the model shows of them: nothing, unless it is one of a server that does."""
    return [part.text for part in reply.parts if isinstance(part, Thinking) and model == "mock-reasoning"]


def top(body: dict) -> int | None:
    """How many likeliest tokens the client wants beside each; None: no log probabilities at all."""
    return body.get("top_logprobs") or 0 if body.get("logprobs") else None


def whole(model: str, request_id: str, replies: list[Reply], wanted: int | None) -> dict:
    """The answer in one piece."""
    choices = []
    for index, reply in enumerate(replies):
        text = "".join(part.text for part in reply.parts if isinstance(part, Text))
        message = {"role": "assistant", "content": text or None, "refusal": None, "annotations": []}
        calls = [
            {"id": id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for id, call in _calls(request_id, index, reply)
        ]
        if calls:
            message["tool_calls"] = calls
        if thoughts := _thoughts(model, reply):
            message["reasoning_content"] = "".join(thoughts)
        choice = {"index": index, "message": message, "finish_reason": FINISH[reply.finish]}
        choices.append(choice | {"logprobs": logprobs(brain.tokens(text), wanted)})
    return _head(model, request_id, "chat.completion") | {"choices": choices, "usage": usage(replies)}


def chunks(model: str, request_id: str, replies: list[Reply], wants_usage: bool, wanted: int | None):
    """The answer in pieces."""
    head = _head(model, request_id, "chat.completion.chunk")

    def chunk(index: int, delta: dict, finish: str | None = None, grows: bool = False, odds: dict | None = None) -> Frame:
        choice = {"index": index, "delta": delta, "logprobs": odds, "finish_reason": finish}
        body = head | {"choices": [choice]}
        if wants_usage:
            body["usage"] = None
        return Frame(_event(body), grows)

    for index, reply in enumerate(replies):
        yield chunk(index, {"role": "assistant", "content": "", "refusal": None})
        for thought in _thoughts(model, reply):
            for token in brain.tokens(thought):
                yield chunk(index, {"reasoning_content": token}, grows=True)
        for part in reply.parts:
            if isinstance(part, Text):
                for token in brain.tokens(part.text):
                    yield chunk(index, {"content": token}, grows=True, odds=logprobs([token], wanted))
        for at, (id, call) in enumerate(_calls(request_id, index, reply)):
            opening = {"index": at, "id": id, "type": "function", "function": {"name": call.name, "arguments": ""}}
            yield chunk(index, {"tool_calls": [opening]})
            for token in brain.tokens(call.arguments):
                yield chunk(index, {"tool_calls": [{"index": at, "function": {"arguments": token}}]}, grows=True)
        yield chunk(index, {}, FINISH[reply.finish])
    if wants_usage:
        yield Frame(_event(head | {"choices": [], "usage": usage(replies)}))
    yield Frame(b"data: [DONE]\n\n")


def _event(body: dict) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
