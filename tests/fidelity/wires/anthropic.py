"""Anthropic's Messages, as the vendor has it."""

import base64
import json
from typing import Any

from fidelity.words import Answer, Call, Image, Refusal, Result, Seen, Text, Thought, Tool, Turn, Usage
from vendors import anthropic_rules

MODEL = "claude-opus-4-6"
MODELS = {
    "data": [
        {
            "type": "model",
            "id": MODEL,
            "display_name": "Claude Opus 4.6",
            "created_at": "2026-01-20T00:00:00Z",
            "lifecycle": "deprecated",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
        }
    ],
    "has_more": False,
    "first_id": MODEL,
    "last_id": MODEL,
}
STREAM_TYPE = "text/event-stream; charset=utf-8"
FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "filter": "refusal",
    "refusal": "refusal",
    "stop_sequence": "stop_sequence",
}


def check(path: str, headers: dict, body: dict) -> None:
    """Refuses what the vendor refuses."""
    betas = headers.get("anthropic-beta", "").split(",")
    anthropic_rules.messages(body, headers["anthropic-version"], [beta.strip() for beta in betas if beta])


def streams(path: str, body: dict) -> bool:
    return bool(body.get("stream"))


def seen(body: dict, headers: dict) -> Seen:
    config = body.get("output_config") or {}
    return Seen(
        body,
        headers,
        system=[_part(block) for block in anthropic_rules.blocks(body.get("system") or [])],
        turns=[
            Turn(message["role"], tuple(_part(block) for block in anthropic_rules.blocks(message["content"])))
            for message in body["messages"]
        ],
        tools=[
            Tool(tool["name"], tool.get("input_schema"), tool.get("description"), _cache(tool), tool.get("strict"))
            for tool in body.get("tools") or []
        ],
        choice=_choice(body.get("tool_choice")),
        schema=(config.get("format") or {}).get("schema"),
        max_tokens=body["max_tokens"],
    )


def _choice(choice: dict | None) -> Any:
    match choice:
        case {"type": "tool", "name": name}:
            return ("tool", name)
        case {"type": kind}:
            return {"any": "required"}.get(kind, kind)
    return None


def _cache(block: dict) -> str | None:
    mark = block.get("cache_control")
    return mark and mark.get("ttl", "5m")


def _part(block: dict) -> Any:
    match block["type"]:
        case "text":
            return Text(block["text"], _cache(block))
        case "image":
            return Image(base64.b64decode(block["source"]["data"]), block["source"]["media_type"])
        case "tool_use":
            return Call(block["id"], block["name"], json.dumps(block["input"]))
        case "tool_result":
            parts = anthropic_rules.blocks(block.get("content") or [])
            return Result(block["tool_use_id"], tuple(map(_part, parts)), block.get("is_error", False), _cache(block))
        case "thinking":
            return Thought(block["thinking"], block["signature"])
        case "redacted_thinking":
            return Thought("", block["data"], hidden=True)
    raise AssertionError(f"an unexpected block: {block}")


def usage(used: Usage) -> dict:
    return {
        "input_tokens": used.input - used.read - used.written - used.written_1h,
        "cache_creation_input_tokens": used.written + used.written_1h,
        "cache_read_input_tokens": used.read,
        "cache_creation": {"ephemeral_5m_input_tokens": used.written, "ephemeral_1h_input_tokens": used.written_1h},
        "output_tokens": used.output,
        "output_tokens_details": {"thinking_tokens": used.thought},
        "service_tier": "standard",
    }


def whole(answer: Answer) -> dict:
    return {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [_block(part) for part in answer.parts],
        "stop_reason": FINISH[answer.ended],
        "stop_sequence": answer.stopped_by,
        "stop_details": None,
        "usage": usage(answer.usage),
    }


def _block(part: Any) -> dict:
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text, "citations": None}
        case Thought(_, signature, True):
            return {"type": "redacted_thinking", "data": signature}
        case Thought(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature or ""}
        case Call(id, name, arguments):
            return {
                "type": "tool_use",
                "id": id,
                "name": name,
                "input": _object(arguments),
                "caller": {"type": "direct"},
            }
    raise TypeError(part)


def _object(arguments: str) -> Any:
    """A whole answer has an object; text that is none can come in streams only."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return {}


def objects(answer: Answer) -> list[dict]:
    """The events of a stream."""
    message = whole(answer)
    opening = message | {"content": [], "stop_reason": None, "stop_sequence": None}
    opening["usage"] = message["usage"] | {"output_tokens": 1}
    built: list[dict] = [{"type": "message_start", "message": opening}, {"type": "ping"}]
    for index, (block, part) in enumerate(zip(message["content"], answer.parts, strict=True)):
        start, deltas = _pieces(answer, block, part)
        built.append({"type": "content_block_start", "index": index, "content_block": start})
        built += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        built.append({"type": "content_block_stop", "index": index})
    names = (
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "output_tokens_details",
    )
    ending = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    counted = {name: message["usage"][name] for name in names if name in message["usage"]}
    return [*built, {"type": "message_delta", "delta": ending, "usage": counted}, {"type": "message_stop"}]


def _pieces(answer: Answer, block: dict, part: Any) -> tuple[dict, list[dict]]:
    match part:
        case Text(text) | Refusal(text):
            return block | {"text": ""}, [{"type": "text_delta", "text": piece} for piece in answer.cut(text)]
        case Thought(_, _, True):
            return block, []
        case Thought(text, signature):
            said = [{"type": "thinking_delta", "thinking": piece} for piece in answer.cut(text)]
            signed = [{"type": "signature_delta", "signature": signature}] if signature else []
            return block | {"thinking": "", "signature": ""}, said + signed
        case Call(_, _, arguments):
            # The first piece is empty; a call without arguments has no other.
            pieces = ["", *answer.cut(arguments)]
            return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    raise TypeError(part)


def stream(answer: Answer) -> list[bytes]:
    """The frames of a stream."""
    return [frame(one) for one in objects(answer)]


def frame(body: dict) -> bytes:
    return f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def error(status: int, message: str) -> tuple[dict, dict]:
    """Header fields and body of a refusal."""
    kinds = {429: "rate_limit_error", 400: "invalid_request_error", 529: "overloaded_error", 500: "api_error"}
    return {}, {
        "type": "error",
        "error": {"type": kinds[status], "message": message},
        "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    }


def broken(message: str) -> bytes:
    """What the vendor says when it fails within a stream."""
    return frame(error(529, message)[1])
