"""Anthropic's Messages."""

import base64
import json
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from fidelity.sse import events
from fidelity.words import Ask, Call, Echo, Got, Image, Result, Text, Thought, Turn, Usage

PATH = "/v1/messages"
NATIVE = "anthropic"
HEADERS = {"anthropic-version": "2023-06-01"}
FINISH = {
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "stop_sequence": "stop_sequence",
    "model_context_window_exceeded": "length",
}
CHOICES = {"auto": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}
# Where the text of arguments is that are no object.
CUT = "arguments as they came"
EVENT: TypeAdapter = TypeAdapter(RawMessageStreamEvent)


def write(ask: Ask, model: str, stream: bool) -> dict:
    turns = list(ask.turns)
    body: dict[str, Any] = {"model": model, "max_tokens": ask.max_tokens or 1000}
    if isinstance(turns[0], Turn) and turns[0].role == "system":
        first = turns.pop(0)
        body["system"] = first.parts[0].text if first.parts[0].cache is None else [_block(part) for part in first.parts]
    body["messages"] = [_turn(turn) for turn in turns]
    if ask.tools:
        body["tools"] = [_tool(tool) for tool in ask.tools]
    choice = dict(
        CHOICES[ask.choice or "auto"] if not isinstance(ask.choice, tuple) else {"type": "tool", "name": ask.choice[1]}
    )
    if ask.parallel is not None:
        choice["disable_parallel_tool_use"] = not ask.parallel
    if ask.choice or ask.parallel is not None:
        body["tool_choice"] = choice
    if ask.schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema.schema}}
    if stream:
        body["stream"] = True
    return body | ask.own.get("messages", {})


def _mark(cache: str | None) -> dict:
    return {"cache_control": {"type": "ephemeral", "ttl": cache}} if cache else {}


def _tool(tool) -> dict:
    built = {"name": tool.name, "input_schema": tool.schema or {"type": "object", "properties": {}}}
    built |= {"description": tool.description} if tool.description else {}
    return built | ({"strict": tool.strict} if tool.strict is not None else {}) | _mark(tool.cache)


def _turn(turn: Turn | Echo) -> dict:
    if isinstance(turn, Echo):
        (message,) = turn.items
        return message
    role = "user" if turn.role == "tool" else turn.role
    if len(turn.parts) == 1 and isinstance(turn.parts[0], Text) and not turn.parts[0].cache:
        return {"role": role, "content": turn.parts[0].text}
    return {"role": role, "content": [_block(part) for part in turn.parts]}


def _block(part: Any) -> dict:
    match part:
        case Text(text, cache):
            return {"type": "text", "text": text} | _mark(cache)
        case Image(data, kind):
            return {
                "type": "image",
                "source": {"type": "base64", "media_type": kind, "data": base64.b64encode(data).decode()},
            }
        case Call(id, name, arguments):
            return {"type": "tool_use", "id": id, "name": name, "input": json.loads(arguments or "{}")}
        case Result(id, parts, error, cache):
            content = {"content": [_block(one) for one in parts]} if parts else {}
            return (
                {"type": "tool_result", "tool_use_id": id}
                | content
                | ({"is_error": True} if error else {})
                | _mark(cache)
            )
        case Thought(text, signature, hidden):
            if hidden:
                return {"type": "redacted_thinking", "data": signature}
            return {"type": "thinking", "thinking": text, "signature": signature or ""}
    raise TypeError(part)


def read(got: Got, stream: bool, usage: bool = True) -> None:
    """Fills in what was said."""
    message = _stream(got) if stream else got.body
    Message.model_validate(message)
    for block in message["content"]:
        match block["type"]:
            case "text":
                got.parts.append(Text(block["text"]))
            case "thinking":
                got.parts.append(Thought(block["thinking"], block["signature"]))
            case "redacted_thinking":
                got.parts.append(Thought("", block["data"], hidden=True))
            case "tool_use":
                assert isinstance(block["input"], dict)
                got.parts.append(
                    Call(block["id"], block["name"], block["input"].get(CUT) or json.dumps(block["input"]))
                )
    assert message["stop_reason"], "an answer says why it ended"
    got.finish = FINISH[message["stop_reason"]]
    got.body = message
    got.echo = [{"role": "assistant", "content": message["content"]}]
    counted = message["usage"]
    made = counted.get("cache_creation") or {}
    read, written = counted.get("cache_read_input_tokens") or 0, counted.get("cache_creation_input_tokens") or 0
    got.usage = Usage(
        input=counted["input_tokens"] + read + written,
        output=counted["output_tokens"],
        read=read,
        written=made.get("ephemeral_5m_input_tokens", written),
        written_1h=made.get("ephemeral_1h_input_tokens", 0),
        thought=(counted.get("output_tokens_details") or {}).get("thinking_tokens", 0),
    )


DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}


def _stream(got: Got) -> dict:
    """A stream: one `message_start`, blocks one after the other with one start and one stop each, `message_delta`,
    `message_stop`."""
    got.events = [(name, json.loads(data)) for name, data in events(got.raw)]
    said = [event for name, event in got.events if event["type"] != "ping"]
    for name, event in got.events:
        assert name == event["type"]
        EVENT.validate_python(event) if event["type"] != "ping" else None
    assert [event["type"] for event in said].count("message_start") == 1 and said[0]["type"] == "message_start"
    assert [event["type"] for event in said[-2:]] == ["message_delta", "message_stop"]
    message = said[0]["message"]
    assert message["content"] == [] and message["stop_reason"] is None
    opened: dict | None = None
    for event in said[1:-2]:
        match event["type"]:
            case "content_block_start":
                assert opened is None and event["index"] == len(message["content"]), "one block after the other"
                opened, arguments = dict(event["content_block"]), ""
                if opened["type"] == "tool_use":
                    assert opened["input"] == {}
            case "content_block_delta":
                assert opened is not None and event["index"] == len(message["content"])
                delta = event["delta"]
                field = DELTAS.get(delta["type"])
                if field == "partial_json":
                    arguments += delta["partial_json"]
                elif field:
                    opened[field] = opened.get(field, "") + delta[field]
                else:
                    assert delta["type"] == "citations_delta"
                    opened["citations"] = [*(opened.get("citations") or []), delta["citation"]]
            case "content_block_stop":
                assert opened is not None and event["index"] == len(message["content"])
                if opened["type"] in ("tool_use", "server_tool_use"):
                    opened["input"] = _input(arguments)
                message["content"].append(opened)
                opened = None
            case other:
                raise AssertionError(f"{other} within an answer")
    assert opened is None, "every block is stopped"
    message |= said[-2]["delta"]
    # Cumulative: a count that comes again replaces the first.
    message["usage"] = message["usage"] | {
        name: count for name, count in said[-2]["usage"].items() if count is not None
    }
    return message


def _input(arguments: str) -> dict:
    """What is cut off or no object is no input; clients keep the text."""
    try:
        built = json.loads(arguments or "{}")
    except ValueError:
        return {CUT: arguments}
    return built if isinstance(built, dict) else {CUT: arguments}


def failed(got: Got, stream: bool) -> dict:
    """The error that ends a stream, or is the answer."""
    if stream and got.status == 200:
        name, data = events(got.raw)[-1]
        last = json.loads(data)
        assert (name, last["type"]) == ("error", "error")
        assert "message_stop" not in got.raw.decode(), "no clean end"
        return last["error"]
    assert got.body["type"] == "error"
    return got.body["error"]
