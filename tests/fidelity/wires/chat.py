"""OpenAI's Chat Completions, as the vendor has it."""

import base64
import json
from typing import Any

from fidelity.words import Answer, Call, Image, Refusal, Result, Seen, Text, Thought, Tool, Turn, Usage
from vendors import openai_rules

MODEL = "gpt-5.2"
MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1764000000, "owned_by": "openai"}]}
STREAM_TYPE = "text/event-stream; charset=utf-8"
FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "filter": "content_filter",
    "refusal": "stop",
    "stop_sequence": "stop",
}


def check(path: str, headers: dict, body: dict) -> None:
    """Refuses what the vendor refuses."""
    openai_rules.chat(body)


def streams(path: str, body: dict) -> bool:
    return bool(body.get("stream"))


def seen(body: dict, headers: dict) -> Seen:
    turns = [_turn(message) for message in body["messages"]]
    head = 0
    while head < len(turns) and turns[head].role == "system":
        head += 1
    form = body.get("response_format") or {}
    return Seen(
        body,
        headers,
        system=[part for turn in turns[:head] for part in turn.parts],
        turns=turns[head:],
        tools=[_tool(tool["function"]) for tool in body.get("tools") or []],
        choice=_choice(body.get("tool_choice")),
        schema=(form.get("json_schema") or {}).get("schema"),
        max_tokens=body.get("max_completion_tokens"),
    )


def _choice(choice: Any) -> Any:
    return ("tool", choice["function"]["name"]) if isinstance(choice, dict) else choice


def _tool(function: dict) -> Tool:
    return Tool(
        function["name"], function.get("parameters"), function.get("description"), strict=function.get("strict")
    )


def _turn(message: dict) -> Turn:
    role = "system" if message["role"] == "developer" else message["role"]
    parts = _parts(message.get("content") or [])
    if role == "tool":
        return Turn("tool", (Result(message["tool_call_id"], tuple(parts)),))
    if message.get("reasoning_content"):
        parts.insert(0, Thought(message["reasoning_content"]))
    for call in message.get("tool_calls") or []:
        parts.append(Call(call["id"], call["function"]["name"], call["function"]["arguments"]))
    return Turn(role, tuple(parts))


def _parts(content: str | list) -> list:
    if isinstance(content, str):
        return [Text(content)]
    return [_part(part) for part in content]


def _part(part: dict) -> Text | Image:
    if part["type"] == "text":
        return Text(part["text"])
    head, _, data = part["image_url"]["url"].partition(",")
    return Image(base64.b64decode(data), head.removeprefix("data:").removesuffix(";base64"))


def usage(used: Usage) -> dict:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": used.thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def whole(answer: Answer) -> dict:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    for part in answer.parts:
        match part:
            case Text(text):
                message["content"] = (message["content"] or "") + text
            case Thought(text):
                message["reasoning_content"] = text
            case Refusal(text):
                message["refusal"] = text
            case Call(id, name, arguments):
                call = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
                message.setdefault("tool_calls", []).append(call)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH[answer.ended]}
    return _head("chat.completion") | {"choices": [choice], "usage": usage(answer.usage)}


def _head(kind: str) -> dict:
    return {
        "id": "chatcmpl-CgY5m8L2",
        "object": kind,
        "created": 1764096000,
        "model": f"{MODEL}-2025-12-11",
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _deltas(answer: Answer):
    yield {"role": "assistant", "content": "", "refusal": None}
    calls = 0
    for part in answer.parts:
        match part:
            case Text(text):
                yield from ({"content": piece} for piece in answer.cut(text))
            case Thought(text):
                yield from ({"reasoning_content": piece} for piece in answer.cut(text))
            case Refusal(text):
                yield from ({"refusal": piece} for piece in answer.cut(text))
            case Call(id, name, arguments):
                function = {"name": name, "arguments": ""}
                yield {"tool_calls": [{"index": calls, "id": id, "type": "function", "function": function}]}
                yield from (
                    {"tool_calls": [{"index": calls, "function": {"arguments": piece}}]}
                    for piece in answer.cut(arguments)
                )
                calls += 1


def objects(answer: Answer) -> list[dict]:
    """The events of a stream."""
    head = _head("chat.completion.chunk")
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None} for delta in _deltas(answer)]
    choices.append({"index": 0, "delta": {}, "logprobs": None, "finish_reason": FINISH[answer.ended]})
    return [head | {"choices": [one], "usage": None} for one in choices] + [
        head | {"choices": [], "usage": usage(answer.usage)}
    ]


def stream(answer: Answer) -> list[bytes]:
    """The frames of a stream."""
    return [frame(one) for one in objects(answer)] + [b"data: [DONE]\n\n"]


def frame(body: dict) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def error(status: int, message: str) -> tuple[dict, dict]:
    """Header fields and body of a refusal."""
    kinds = {429: ("requests", "rate_limit_exceeded"), 400: ("invalid_request_error", None)}
    kind, code = kinds.get(status, ("server_error", None))
    return {}, {"error": {"message": message, "type": kind, "param": None, "code": code}}


def broken(message: str) -> bytes:
    """What the vendor says when it fails within a stream."""
    return frame(error(500, message)[1])
