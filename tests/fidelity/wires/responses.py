"""OpenAI's Responses, as the vendor has it."""

import base64
import json
from typing import Any

from fidelity.words import Answer, Call, Image, Refusal, Result, Seen, Text, Thought, Tool, Turn, Usage
from vendors import responses_rules, responses_stream

MODEL = "gpt-5.2"
MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1764000000, "owned_by": "openai"}]}
STREAM_TYPE = "text/event-stream; charset=utf-8"


def check(path: str, headers: dict, body: dict) -> None:
    """Refuses what the vendor refuses."""
    responses_rules.create(body)


def streams(path: str, body: dict) -> bool:
    return bool(body.get("stream"))


def seen(body: dict, headers: dict) -> Seen:
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    system = [Text(body["instructions"])] if body.get("instructions") else []
    turns: list[Turn] = []
    for item in items:
        turn = _turn(item)
        if not turns and turn.role == "system":
            system += turn.parts
        elif turns and turns[-1].role == turn.role and turn.role in ("assistant", "tool"):
            turns[-1] = Turn(turn.role, (*turns[-1].parts, *turn.parts))
        else:
            turns.append(turn)
    form = (body.get("text") or {}).get("format") or {}
    return Seen(
        body,
        headers,
        system=system,
        turns=turns,
        tools=[
            Tool(tool["name"], tool.get("parameters"), tool.get("description"), strict=tool.get("strict"))
            for tool in body.get("tools") or []
        ],
        choice=_choice(body.get("tool_choice")),
        schema=form.get("schema"),
        max_tokens=body.get("max_output_tokens"),
    )


def _choice(choice: Any) -> Any:
    return ("tool", choice["name"]) if isinstance(choice, dict) else choice


def _turn(item: dict) -> Turn:
    match item.get("type", "message"):
        case "function_call":
            return Turn("assistant", (Call(item["call_id"], item["name"], item["arguments"]),))
        case "function_call_output":
            return Turn("tool", (Result(item["call_id"], tuple(_parts(item["output"]))),))
        case "reasoning":
            shown = "".join(one["text"] for one in [*item["summary"], *(item.get("content") or [])])
            return Turn("assistant", (Thought(shown, item.get("encrypted_content"), hidden=not shown),))
    role = "system" if item["role"] == "developer" else item["role"]
    return Turn(role, tuple(_parts(item["content"])))


def _parts(content: str | list) -> list:
    if isinstance(content, str):
        return [Text(content)] if content else []
    return [_part(part) for part in content]


def _part(part: dict) -> Any:
    match part["type"]:
        case "input_image":
            head, _, data = part["image_url"].partition(",")
            return Image(base64.b64decode(data), head.removeprefix("data:").removesuffix(";base64"))
        case "refusal":
            return Refusal(part["refusal"])
    return Text(part["text"])


def usage(used: Usage) -> dict:
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.read, "cache_write_tokens": used.written},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.thought},
        "total_tokens": used.input + used.output,
    }


def whole(answer: Answer) -> dict:
    ended = {"length": "max_output_tokens", "filter": "content_filter"}.get(answer.ended)
    return _opened() | {
        "status": "incomplete" if ended else "completed",
        "completed_at": None if ended else 1764096002,
        "incomplete_details": {"reason": ended} if ended else None,
        "output": [_item(part, at, ended) for at, part in enumerate(answer.parts)],
        "usage": usage(answer.usage),
    }


def _opened() -> dict:
    return responses_stream.response({"model": f"{MODEL}-2025-12-11"}, "68f1a2") | {"created_at": 1764096000}


def _item(part: Any, at: int, ended: str | None) -> dict:
    status = "incomplete" if ended else "completed"
    match part:
        case Thought(text, signature, hidden):
            summary = [] if hidden or not text else [{"type": "summary_text", "text": text}]
            return {"id": f"rs_68f1a2{at}", "type": "reasoning", "summary": summary, "encrypted_content": signature}
        case Call(id, name, arguments):
            ids = {"id": f"fc_68f1a2{at}", "type": "function_call", "status": "completed", "call_id": id}
            return ids | {"name": name, "arguments": arguments}
        case Refusal(text):
            content = {"type": "refusal", "refusal": text}
        case Text(text):
            content = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    return {"id": f"msg_68f1a2{at}", "type": "message", "status": status, "role": "assistant", "content": [content]}


def objects(answer: Answer) -> list[dict]:
    """The events of a stream."""
    return list(responses_stream.events(_opened(), whole(answer), True))


def stream(answer: Answer) -> list[bytes]:
    """The frames of a stream."""
    return [frame(one) for one in objects(answer)]


def frame(body: dict) -> bytes:
    return f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def error(status: int, message: str) -> tuple[dict, dict]:
    """Header fields and body of a refusal."""
    kinds = {429: ("requests", "rate_limit_exceeded"), 400: ("invalid_request_error", None)}
    kind, code = kinds.get(status, ("server_error", None))
    return {}, {"error": {"message": message, "type": kind, "param": None, "code": code}}


def broken(message: str) -> bytes:
    """What the vendor says when it fails within a stream."""
    failed = _opened() | {
        "status": "failed",
        "error": {"code": "server_error", "message": message},
        "usage": usage(Usage()),
    }
    return frame({"type": "response.failed", "sequence_number": 99, "response": failed})
