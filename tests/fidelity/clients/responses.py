"""OpenAI's Responses."""

import base64
import json
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from fidelity.sse import events
from fidelity.words import Ask, Call, Echo, Got, Image, Refusal, Text, Thought, Turn, Usage

PATH = "/v1/responses"
NATIVE = "openai-responses"
EVENT: TypeAdapter = TypeAdapter(ResponseStreamEvent)


def write(ask: Ask, model: str, stream: bool) -> dict:
    turns = list(ask.turns)
    body: dict[str, Any] = {"model": model, "store": False, "include": ["reasoning.encrypted_content"]}
    if isinstance(turns[0], Turn) and turns[0].role == "system" and turns[0].parts[0].cache is None:
        body["instructions"] = turns.pop(0).parts[0].text
    body["input"] = [item for turn in turns for item in _turn(turn)]
    if ask.max_tokens is not None:
        body["max_output_tokens"] = ask.max_tokens
    if ask.tools:
        body["tools"] = [_tool(tool) for tool in ask.tools]
    if ask.choice:
        body["tool_choice"] = ask.choice if isinstance(ask.choice, str) else {"type": "function", "name": ask.choice[1]}
    if ask.parallel is not None:
        body["parallel_tool_calls"] = ask.parallel
    if ask.schema:
        form = {
            "type": "json_schema",
            "name": ask.schema.name,
            "schema": ask.schema.schema,
            "strict": ask.schema.strict,
        }
        body["text"] = {"format": form}
    if stream:
        body["stream"] = True
    return body | ask.own.get("responses", {})


def _tool(tool) -> dict:
    built = {"type": "function", "name": tool.name, "parameters": tool.schema, "strict": tool.strict}
    return built | ({"description": tool.description} if tool.description else {})


def _turn(turn: Turn | Echo) -> list[dict]:
    if isinstance(turn, Echo):
        return turn.items
    items: list[dict] = []
    said = [part for part in turn.parts if isinstance(part, Text | Image)]
    if turn.role == "tool":
        return [{"type": "function_call_output", "call_id": one.id, "output": _output(one.parts)} for one in turn.parts]
    for part in turn.parts:
        match part:
            case Call(id, name, arguments):
                items.append({"type": "function_call", "call_id": id, "name": name, "arguments": arguments})
            case Text() | Image() if part is said[0]:
                kind = "output" if turn.role == "assistant" else "input"
                items.append({"type": "message", "role": turn.role, "content": [_part(one, kind) for one in said]})
    if not turn.parts:
        items.append({"type": "message", "role": turn.role, "content": []})
    return items


def _output(parts: tuple) -> Any:
    if not any(isinstance(part, Image) or part.cache for part in parts):
        return "".join(part.text for part in parts)
    return [_part(part, "input") for part in parts]


def _part(part: Text | Image, kind: str) -> dict:
    if isinstance(part, Image):
        return {
            "type": "input_image",
            "detail": "auto",
            "image_url": f"data:{part.kind};base64,{base64.b64encode(part.data).decode()}",
        }
    built: dict[str, Any] = {"type": f"{kind}_text", "text": part.text}
    if kind == "output":
        built["annotations"] = []
    return built | ({"cache_control": {"type": "ephemeral", "ttl": part.cache}} if part.cache else {})


def read(got: Got, stream: bool, usage: bool = True) -> None:
    """Fills in what was said."""
    response = _stream(got) if stream else got.body
    Response.model_validate(response)
    got.body = response
    for item in response["output"]:
        match item["type"]:
            case "reasoning":
                texts = [one["text"] for one in item["summary"]] + [one["text"] for one in item.get("content") or []]
                got.parts.append(Thought("".join(texts), item.get("encrypted_content"), hidden=not texts))
            case "message":
                for part in item["content"]:
                    got.parts.append(Text(part["text"]) if part["type"] == "output_text" else Refusal(part["refusal"]))
            case "function_call":
                got.parts.append(Call(item["call_id"], item["name"], item["arguments"]))
    got.echo = [{key: value for key, value in item.items() if key != "status"} for item in response["output"]]
    counted = response["usage"]
    got.usage = Usage(
        input=counted["input_tokens"],
        output=counted["output_tokens"],
        read=counted["input_tokens_details"]["cached_tokens"],
        written=counted["input_tokens_details"]["cache_write_tokens"],
        thought=counted["output_tokens_details"]["reasoning_tokens"],
    )
    got.finish = _finish(got, response)


def _finish(got: Got, response: dict) -> str:
    if response["status"] == "incomplete":
        return {"max_output_tokens": "length", "content_filter": "filter"}[response["incomplete_details"]["reason"]]
    assert response["status"] == "completed"
    if got.calls:
        return "tool_calls"
    return "refusal" if any(isinstance(part, Refusal) for part in got.parts) else "stop"


# What begins, grows and ends, by the events' names.
OPENS = {
    "response.output_item.added": "item",
    "response.content_part.added": "part",
    "response.reasoning_summary_part.added": "part",
}
CLOSES = {
    "response.output_item.done": "item",
    "response.content_part.done": "part",
    "response.reasoning_summary_part.done": "part",
}
GROWS = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.function_call_arguments": "arguments",
    "response.reasoning_text": "text",
    "response.reasoning_summary_text": "text",
}


def _place(event: dict) -> tuple:
    return event["output_index"], event.get("content_index", event.get("summary_index"))


def _stream(got: Got) -> dict:
    """A stream: numbered by one, every delta has its `.done` with the same text, every item is added and done once, and the
    last event has what they all said."""
    got.events = [(name, json.loads(data)) for name, data in events(got.raw)]
    said = [event for _, event in got.events]
    for at, (name, event) in enumerate(got.events):
        assert name == event["type"]
        assert event["sequence_number"] == at, "numbered by one"
        EVENT.validate_python(event)
    assert [event["type"] for event in said[:2]] == ["response.created", "response.in_progress"]
    assert said[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")
    last = said[-1]["response"]
    grown: dict[tuple, str] = {}
    added, done = [], []
    parts: list[tuple] = []
    for event in said[2:-1]:
        kind = event["type"]
        base, _, end = kind.rpartition(".")
        if kind == "response.output_item.added":
            assert event["output_index"] == len(added)
            added.append(event["item"]["id"])
        elif kind == "response.output_item.done":
            assert event["item"]["id"] == added[event["output_index"]] and not [
                p for p in parts if p[0] == event["output_index"]
            ]
            done.append((event["output_index"], event["item"]))
        elif kind in OPENS:
            parts.append(_place(event))
        elif kind in CLOSES:
            parts.remove(_place(event))
        elif base in GROWS and end == "delta":
            place = (base, *_place(event))
            grown[place] = grown.get(place, "") + event["delta"]
        elif base in GROWS and end == "done":
            assert grown.pop((base, *_place(event)), "") == event[GROWS[base]], "what is done is what grew"
        else:
            assert end == "added" and "annotation" in kind, kind
    assert not grown, f"deltas without their .done: {list(grown)}"
    assert not parts and sorted(at for at, _ in done) == list(range(len(added))), "every item is done"
    assert [item for _, item in sorted(done, key=lambda one: one[0])] == last["output"]
    return last


def failed(got: Got, stream: bool) -> dict:
    """The error that ends a stream, or is the answer."""
    if stream and got.status == 200:
        name, data = events(got.raw)[-1]
        last = json.loads(data)
        assert "response.completed" not in got.raw.decode(), "no clean end"
        if name == "error":
            return last.get("error", last)
        assert name == "response.failed" and last["response"]["usage"] is not None
        return last["response"]["error"]
    assert {"message", "type", "param", "code"} <= set(got.body["error"])
    return got.body["error"]
