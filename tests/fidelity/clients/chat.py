"""OpenAI's Chat Completions."""

import base64
import json
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from fidelity.sse import events
from fidelity.words import Ask, Call, Echo, Got, Image, Refusal, Text, Thought, Turn, Usage

PATH = "/v1/chat/completions"
NATIVE = "openai"
FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "filter"}


def write(ask: Ask, model: str, stream: bool) -> dict:
    body: dict[str, Any] = {"model": model, "messages": [message for turn in ask.turns for message in _turn(turn)]}
    if ask.max_tokens is not None:
        body["max_completion_tokens"] = ask.max_tokens
    if ask.tools:
        body["tools"] = [{"type": "function", "function": _tool(tool)} for tool in ask.tools]
    if ask.choice:
        body["tool_choice"] = (
            ask.choice if isinstance(ask.choice, str) else {"type": "function", "function": {"name": ask.choice[1]}}
        )
    if ask.parallel is not None:
        body["parallel_tool_calls"] = ask.parallel
    if ask.schema:
        schema = {"name": ask.schema.name, "schema": ask.schema.schema, "strict": ask.schema.strict}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body | ask.own.get("chat", {})


def _tool(tool) -> dict:
    built = {"name": tool.name, "parameters": tool.schema, "description": tool.description, "strict": tool.strict}
    return {name: value for name, value in built.items() if value is not None}


def _turn(turn: Turn | Echo) -> list[dict]:
    if isinstance(turn, Echo):
        return turn.items
    if turn.role == "tool":
        return [{"role": "tool", "tool_call_id": one.id, "content": _content(one.parts)} for one in turn.parts]
    if turn.role != "assistant":
        return [{"role": turn.role, "content": _content(turn.parts)}]
    calls = [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
        for one in turn.parts
        if isinstance(one, Call)
    ]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _content([one for one in turn.parts if isinstance(one, Text)]),
    }
    thoughts = "".join(one.text for one in turn.parts if isinstance(one, Thought))
    return [message | ({"reasoning_content": thoughts} if thoughts else {}) | ({"tool_calls": calls} if calls else {})]


def _content(parts) -> Any:
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].cache:
        return parts[0].text
    return [_part(part) for part in parts]


def _part(part: Text | Image) -> dict:
    if isinstance(part, Image):
        return {
            "type": "image_url",
            "image_url": {"url": f"data:{part.kind};base64,{base64.b64encode(part.data).decode()}"},
        }
    mark = {"cache_control": {"type": "ephemeral", "ttl": part.cache}} if part.cache else {}
    return {"type": "text", "text": part.text} | mark


def read(got: Got, stream: bool, usage: bool = True) -> None:
    """Fills in what was said. `usage`: the client asked for it."""
    if stream:
        message, finish, counted = _chunks(got, usage)
    else:
        ChatCompletion.model_validate(got.body)
        (choice,) = got.body["choices"]
        message, finish, counted = choice["message"], choice["finish_reason"], got.body.get("usage")
        assert message["role"] == "assistant"
    assert isinstance(message.get("reasoning_content", ""), str)
    if message.get("reasoning_content"):
        got.parts.append(Thought(message["reasoning_content"]))
    if message.get("content"):
        got.parts.append(Text(message["content"]))
    if message.get("refusal"):
        got.parts.append(Refusal(message["refusal"]))
    for call in message.get("tool_calls") or []:
        assert call["type"] == "function" and call["id"]
        got.parts.append(Call(call["id"], call["function"]["name"], call["function"]["arguments"]))
    got.finish = "refusal" if message.get("refusal") else FINISH[finish]
    got.echo = [message]
    got.usage = counted and _usage(counted)


def _usage(counted: dict) -> Usage:
    prompt, completion = counted.get("prompt_tokens_details") or {}, counted.get("completion_tokens_details") or {}
    assert None not in prompt.values() and None not in completion.values(), "what is not known is left out"
    assert counted["total_tokens"] == counted["prompt_tokens"] + counted["completion_tokens"]
    return Usage(
        input=counted["prompt_tokens"],
        output=counted["completion_tokens"],
        read=prompt.get("cached_tokens", 0),
        written=prompt.get("cache_write_tokens", 0),
        thought=completion.get("reasoning_tokens", 0),
    )


def _chunks(got: Got, usage: bool) -> tuple[dict, str, dict | None]:
    """A stream: its first chunk says the role, one says the end, the last the tokens, then `[DONE]`."""
    said = events(got.raw)
    assert said[-1] == (None, "[DONE]"), "a clean end is [DONE]"
    chunks = [json.loads(data) for name, data in said[:-1]]
    got.events = [(None, chunk) for chunk in chunks]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    assert len({chunk["id"] for chunk in chunks}) == 1
    counted = chunks.pop().get("usage") if usage and chunks[-1].get("usage") else None
    assert all(len(chunk["choices"]) == 1 and not chunk.get("usage") for chunk in chunks)
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"]["role"] == "assistant", "the first chunk says the role"
    message: dict[str, Any] = {"role": "assistant", "content": None}
    for choice in choices:
        delta = choice["delta"]
        for name in ("content", "reasoning_content", "refusal"):
            if delta.get(name):
                message[name] = (message.get(name) or "") + delta[name]
        for piece in delta.get("tool_calls") or []:
            calls = message.setdefault("tool_calls", [])
            if piece["index"] == len(calls):
                calls.append(
                    {
                        "id": piece["id"],
                        "type": piece["type"],
                        "function": {"name": piece["function"]["name"], "arguments": ""},
                    }
                )
            assert piece["index"] == len(calls) - 1, "calls follow one another"
            calls[-1]["function"]["arguments"] += piece["function"].get("arguments") or ""
    finishes = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    assert len(finishes) == 1 and choices[-1].get("finish_reason"), "one chunk, the last, says why it ended"
    return message, finishes[0], counted


def failed(got: Got, stream: bool) -> dict:
    """The error that ends a stream, or is the answer."""
    if stream and got.status == 200:
        said = events(got.raw)
        assert "[DONE]" not in got.raw.decode(), "no clean end"
        return json.loads(said[-1][1])["error"]
    assert {"message", "type", "param", "code"} <= set(got.body["error"])
    return got.body["error"]
