"""The official SDKs behind one face, so that one case runs through both. Every stream is checked against its dialect's
grammar while it is read."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai

# Anthropic's API demands a limit; answers of the mocks are far below this one.
MAX_TOKENS = 4096
# The smallest PNG: one transparent pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@dataclass
class Call:
    """A tool call in an answer."""

    id: str
    name: str
    arguments: Any


@dataclass
class Answer:
    """An answer in words that both dialects share."""

    text: str
    calls: list[Call]
    finish: str
    """stop, stop_sequence, length or tool_calls."""
    input: int
    """Input tokens, cached ones included."""
    cached: int
    output: int
    turn: dict
    """The answer as a message of the conversation."""
    pieces: int = 1
    """Pieces that the text came in."""
    stopped_by: str | None = None
    model: str = ""
    id: str = ""


class OpenAIClient:
    """OpenAI's SDK."""

    dialect = "openai"
    errors = openai

    def __init__(self, url: str, key: str = "sk-client", **options: Any):
        self.sdk = openai.OpenAI(base_url=f"{url}/v1", api_key=key, **({"max_retries": 0, "timeout": 60} | options))

    def user(self, text: str, image: bytes | str | None = None) -> dict:
        """A message; an image is bytes of a PNG or a URL."""
        if image is None:
            return {"role": "user", "content": text}
        url = image if isinstance(image, str) else f"data:image/png;base64,{base64.b64encode(image).decode()}"
        return {
            "role": "user",
            "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}],
        }

    def results(self, results: list[tuple[str, str]]) -> list[dict]:
        """Messages with the results of tool calls, by id."""
        return [{"role": "tool", "tool_call_id": id, "content": text} for id, text in results]

    def ask(
        self,
        model: str,
        turns: list[dict],
        *,
        stream: bool = False,
        system: str | None = None,
        tools: list[dict] | None = None,
        schema: dict | None = None,
        stop: list[str] | None = None,
        max_tokens: int | None = None,
        parallel: bool | None = None,
        **more: Any,
    ) -> Answer:
        """Asks. `tools` have name, description, schema."""
        given: dict[str, Any] = {"model": model, "messages": turns} | more
        if system is not None:
            given["messages"] = [{"role": "system", "content": system}, *turns]
        if tools:
            given["tools"] = [
                {
                    "type": "function",
                    "function": {"name": t["name"], "description": t["description"], "parameters": t["schema"]},
                }
                for t in tools
            ]
        if schema:
            given["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema, "strict": True},
            }
        if stop:
            given["stop"] = stop
        if max_tokens is not None:
            given["max_completion_tokens"] = max_tokens
        if parallel is not None:
            given["parallel_tool_calls"] = parallel
        if not stream:
            return self._whole(self.sdk.chat.completions.create(**given))
        return self._streamed(
            self.sdk.chat.completions.create(**given, stream=True, stream_options={"include_usage": True})
        )

    def _whole(self, got: Any) -> Answer:
        (choice,) = got.choices
        assert got.object == "chat.completion" and choice.index == 0 and choice.message.role == "assistant"
        calls = [Call(c.id, c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls or []]
        turn = choice.message.model_dump(include={"role", "content", "tool_calls"}, exclude_none=True)
        return self._answer(got, choice.message.content or "", calls, choice.finish_reason, got.usage, turn)

    def _streamed(self, chunks: Any) -> Answer:
        text, pieces, calls, finish, usage, first = "", 0, {}, None, None, None
        for chunk in chunks:
            assert chunk.object == "chat.completion.chunk"
            assert usage is None, "a chunk after the usage chunk"
            if first is None:
                first = chunk
                assert chunk.choices[0].delta.role == "assistant", "the first chunk carries the role"
            assert (chunk.id, chunk.model) == (first.id, first.model)
            if not chunk.choices:
                usage = chunk.usage
                assert usage is not None, "a chunk without choices carries usage"
                continue
            (choice,) = chunk.choices
            assert finish is None, "a delta after the finish"
            finish = choice.finish_reason
            if choice.delta.content:
                text, pieces = text + choice.delta.content, pieces + 1
            for delta in choice.delta.tool_calls or []:
                if delta.index not in calls:
                    assert delta.index == len(calls) and delta.id and delta.type == "function" and delta.function.name
                    calls[delta.index] = {
                        "id": delta.id,
                        "type": "function",
                        "function": {"name": delta.function.name, "arguments": ""},
                    }
                calls[delta.index]["function"]["arguments"] += delta.function.arguments or ""
        assert finish is not None, "no finish"
        assert usage is not None, "no usage chunk though it was asked for"
        made = list(calls.values())
        turn = {"role": "assistant", "content": text or None} | ({"tool_calls": made} if made else {})
        parsed = [Call(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in made]
        return self._answer(first, text, parsed, finish, usage, turn, pieces)

    def _answer(
        self, got: Any, text: str, calls: list[Call], finish: str, usage: Any, turn: dict, pieces: int = 1
    ) -> Answer:
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
        return Answer(
            text,
            calls,
            finish,
            usage.prompt_tokens,
            cached or 0,
            usage.completion_tokens,
            turn,
            pieces,
            model=got.model,
            id=got.id,
        )


class AnthropicClient:
    """Anthropic's SDK."""

    dialect = "anthropic"
    errors = anthropic

    def __init__(self, url: str, key: str = "sk-client", **options: Any):
        self.sdk = anthropic.Anthropic(base_url=url, api_key=key, **({"max_retries": 0, "timeout": 60} | options))

    def user(self, text: str, image: bytes | str | None = None) -> dict:
        """A message; an image is bytes of a PNG or a URL."""
        if image is None:
            return {"role": "user", "content": text}
        if isinstance(image, str):
            source = {"type": "url", "url": image}
        else:
            source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image).decode()}
        return {"role": "user", "content": [{"type": "text", "text": text}, {"type": "image", "source": source}]}

    def results(self, results: list[tuple[str, str]]) -> list[dict]:
        """The message with the results of tool calls, by id."""
        return [
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": id, "content": text} for id, text in results],
            }
        ]

    def ask(
        self,
        model: str,
        turns: list[dict],
        *,
        stream: bool = False,
        system: str | None = None,
        tools: list[dict] | None = None,
        schema: dict | None = None,
        stop: list[str] | None = None,
        max_tokens: int | None = None,
        parallel: bool | None = None,
        **more: Any,
    ) -> Answer:
        """Asks. `tools` have name, description, schema."""
        given: dict[str, Any] = {"model": model, "messages": turns, "max_tokens": max_tokens or MAX_TOKENS} | more
        if system is not None:
            given["system"] = system
        if tools:
            given["tools"] = [
                {"name": t["name"], "description": t["description"], "input_schema": t["schema"]} for t in tools
            ]
        if schema:
            given["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if stop:
            given["stop_sequences"] = stop
        if parallel is not None:
            given["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": not parallel}
        if not stream:
            return self._answer(self.sdk.messages.create(**given))
        grammar = Grammar()
        # The SDK's own accumulator puts the message together; the grammar looks at the raw events.
        with self.sdk.messages.stream(**given) as events:
            for event in events:
                grammar.see(event)
            got = events.get_final_message()
        grammar.end()
        return self._answer(got, grammar.pieces)

    def _answer(self, got: Any, pieces: int = 1) -> Answer:
        assert got.type == "message" and got.role == "assistant"
        text = "".join(block.text for block in got.content if block.type == "text")
        calls = [Call(block.id, block.name, block.input) for block in got.content if block.type == "tool_use"]
        finish = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}.get(
            got.stop_reason, got.stop_reason
        )
        read, written = got.usage.cache_read_input_tokens or 0, got.usage.cache_creation_input_tokens or 0
        content = [block.model_dump(exclude_none=True, mode="json") for block in got.content]
        # The SDK's stream helper adds what is no part of the API.
        for block in content:
            block.pop("parsed_output", None)
        return Answer(
            text,
            calls,
            finish,
            got.usage.input_tokens + read + written,
            read,
            got.usage.output_tokens,
            {"role": "assistant", "content": content},
            pieces,
            got.stop_sequence,
            got.model,
            got.id,
        )


@dataclass
class Grammar:
    """The order of events in a stream of messages: one start and one stop for each block, in order, one at a time."""

    seen: list[str] = field(default_factory=list)
    open: int | None = None
    blocks: int = 0
    pieces: int = 0

    def see(self, event: Any) -> None:
        match event.type:
            case "message_start":
                assert not self.seen
                assert event.message.content == [] or self.blocks == 0
            case "content_block_start":
                assert self.open is None and event.index == self.blocks
                self.open, self.blocks = event.index, self.blocks + 1
            case "content_block_delta":
                assert self.open == event.index
                self.pieces += event.delta.type == "text_delta"
            case "content_block_stop":
                assert self.open == event.index
                self.open = None
            case "message_delta":
                assert self.open is None and event.delta.stop_reason is not None
            case "message_stop":
                assert self.seen[-1] == "message_delta"
            case _:
                # pings, and events that the SDK derives
                return
        self.seen.append(event.type)

    def end(self) -> None:
        """The stream is over."""
        assert self.seen[-1] == "message_stop" and self.seen.count("message_delta") >= 1


CLIENTS = {"openai": OpenAIClient, "anthropic": AnthropicClient}
