"""Amazon Bedrock's Converse and ConverseStream."""

import base64
import json
from typing import Any
from urllib.parse import unquote

from fidelity.words import Answer, Call, Image, Refusal, Result, Seen, Text, Thought, Tool, Turn, Usage
from vendors import bedrock_api, bedrock_rules

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
STREAM_TYPE = "application/vnd.amazon.eventstream"
FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "filter": "content_filtered",
    "refusal": "end_turn",
    "stop_sequence": "stop_sequence",
}


def check(path: str, headers: dict, body: dict) -> None:
    """Refuses what the vendor refuses."""
    _, _, model, operation = path.split("/")
    name = {"converse": "Converse", "converse-stream": "ConverseStream"}[operation]
    bedrock_rules.converse(name, unquote(model), body)


def streams(path: str, body: dict) -> bool:
    return path.endswith("/converse-stream")


def seen(body: dict, headers: dict) -> Seen:
    config = body.get("toolConfig") or {}
    form = ((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}
    schema = (form.get("jsonSchema") or {}).get("schema")
    return Seen(
        body,
        headers,
        system=_parts(body.get("system") or []),
        turns=[Turn(message["role"], tuple(_parts(message["content"]))) for message in body["messages"]],
        tools=_tools(config.get("tools") or []),
        choice=_choice(config.get("toolChoice")),
        schema=json.loads(schema) if schema else None,
        max_tokens=(body.get("inferenceConfig") or {}).get("maxTokens"),
    )


def _choice(choice: dict | None) -> Any:
    match choice:
        case {"tool": {"name": name}}:
            return ("tool", name)
        case {"any": _}:
            return "required"
        case {"auto": _}:
            return "auto"
    return None


def _mark(block: dict) -> str:
    return block["cachePoint"].get("ttl", "5m")


def _tools(given: list[dict]) -> list[Tool]:
    tools: list[Tool] = []
    for one in given:
        if "cachePoint" in one:
            last = tools.pop()
            tools.append(Tool(last.name, last.schema, last.description, _mark(one), last.strict))
        else:
            spec = one["toolSpec"]
            tools.append(
                Tool(spec["name"], spec["inputSchema"]["json"], spec.get("description"), strict=spec.get("strict"))
            )
    return tools


def _parts(blocks: list[dict]) -> list:
    """A `cachePoint` is an element of its own, behind what it is about."""
    parts: list = []
    for block in blocks:
        if "cachePoint" in block:
            last = parts.pop()
            assert last.cache is None
            values = {name: getattr(last, name) for name in last.__dataclass_fields__}
            parts.append(type(last)(**values | {"cache": _mark(block)}))
        else:
            parts.append(_part(block))
    return parts


def _part(block: dict) -> Any:
    match block:
        case {"text": text}:
            return Text(text)
        case {"json": value}:
            return Text(json.dumps(value))
        case {"image": image}:
            return Image(base64.b64decode(image["source"]["bytes"]), f"image/{image['format']}")
        case {"toolUse": call}:
            return Call(call["toolUseId"], call["name"], json.dumps(call["input"]))
        case {"toolResult": result}:
            return Result(result["toolUseId"], tuple(map(_part, result["content"])), result.get("status") == "error")
        case {"reasoningContent": {"reasoningText": shown}}:
            return Thought(shown["text"], shown.get("signature"))
        case {"reasoningContent": {"redactedContent": data}}:
            return Thought("", data, hidden=True)
    raise AssertionError(f"an unexpected block: {block}")


def usage(used: Usage) -> dict:
    fresh = used.input - used.read - used.written - used.written_1h
    details = [
        {"inputTokens": count, "ttl": ttl} for count, ttl in ((used.written, "5m"), (used.written_1h, "1h")) if count
    ]
    return {
        "inputTokens": fresh,
        "outputTokens": used.output,
        "totalTokens": used.input + used.output,
        "cacheReadInputTokens": used.read,
        "cacheWriteInputTokens": used.written + used.written_1h,
    } | ({"cacheDetails": details} if details else {})


def whole(answer: Answer) -> dict:
    return {
        "output": {"message": {"role": "assistant", "content": [_block(part) for part in answer.parts]}},
        "stopReason": FINISH[answer.ended],
        "usage": usage(answer.usage),
        "metrics": {"latencyMs": 551},
    } | _told(answer)


def _told(answer: Answer) -> dict:
    return {"additionalModelResponseFields": {"stop_sequence": answer.stopped_by}} if answer.stopped_by else {}


def _block(part: Any) -> dict:
    match part:
        case Text(text) | Refusal(text):
            return {"text": text}
        case Thought(_, data, True):
            return {"reasoningContent": {"redactedContent": data}}
        case Thought(text, signature):
            return {
                "reasoningContent": {"reasoningText": {"text": text} | ({"signature": signature} if signature else {})}
            }
        case Call(id, name, arguments):
            return {"toolUse": {"toolUseId": id, "name": name, "input": _object(arguments)}}
    raise TypeError(part)


def _object(arguments: str) -> Any:
    """A whole answer has an object; text that is none can come in streams only."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return {}


def _deltas(answer: Answer, part: Any) -> tuple[dict | None, list[dict]]:
    match part:
        case Text(text) | Refusal(text):
            return None, [{"text": piece} for piece in answer.cut(text)]
        case Thought(_, data, True):
            return None, [{"reasoningContent": {"redactedContent": data}}]
        case Thought(text, signature):
            said = [{"reasoningContent": {"text": piece}} for piece in answer.cut(text)]
            return None, said + ([{"reasoningContent": {"signature": signature}}] if signature else [])
        case Call(id, name, arguments):
            start = {"toolUse": {"toolUseId": id, "name": name}}
            return start, [{"toolUse": {"input": piece}} for piece in answer.cut(arguments)]
    raise TypeError(part)


def objects(answer: Answer) -> list[dict]:
    """The events of a stream, by their names."""
    built: list[dict] = [{"messageStart": {"role": "assistant"}}]
    for index, part in enumerate(answer.parts):
        start, deltas = _deltas(answer, part)
        if start:
            built.append({"contentBlockStart": {"contentBlockIndex": index, "start": start}})
        built += [{"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}} for delta in deltas]
        built.append({"contentBlockStop": {"contentBlockIndex": index}})
    built.append({"messageStop": {"stopReason": FINISH[answer.ended]} | _told(answer)})
    return [*built, {"metadata": {"usage": usage(answer.usage), "metrics": {"latencyMs": 551}}}]


def stream(answer: Answer) -> list[bytes]:
    """The frames of a stream."""
    return [bedrock_api.event(name, payload).data for one in objects(answer) for name, payload in one.items()]


def error(status: int, message: str) -> tuple[dict, dict]:
    """Header fields and body of a refusal."""
    kinds = {429: "ThrottlingException", 400: "ValidationException", 500: "InternalServerException"}
    return {"x-amzn-errortype": f"{kinds[status]}:http://internal.amazon.com/coral/com.amazon.bedrock/"}, {
        "message": message
    }


def broken(message: str) -> bytes:
    """What the vendor says when it fails within a stream."""
    headers = {
        ":message-type": "exception",
        ":exception-type": "modelStreamErrorException",
        ":content-type": "application/json",
    }
    return bedrock_api.frame(headers, {"message": message, "originalStatusCode": 500})
