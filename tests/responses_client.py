"""OpenAI's SDK speaking Responses, behind the face of `clients`. Every stream is checked against the API's grammar."""

import base64
import json
from collections.abc import Callable
from typing import Any

import openai
from clients import Answer, Call


class ResponsesClient:
    """OpenAI's SDK."""

    dialect = "openai-responses"
    errors = openai

    def __init__(self, url: str, key: str = "sk-client", **options: Any):
        self.sdk = openai.OpenAI(base_url=f"{url}/v1", api_key=key, **({"max_retries": 0, "timeout": 60} | options))

    def user(self, text: str, image: bytes | str | None = None) -> dict:
        """A message; an image is bytes of a PNG or a URL."""
        if image is None:
            return {"role": "user", "content": text}
        url = image if isinstance(image, str) else f"data:image/png;base64,{base64.b64encode(image).decode()}"
        parts = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": url}]
        return {"role": "user", "content": parts}

    def results(self, results: list[tuple[str, str]]) -> list[dict]:
        """Items with the results of tool calls, by id."""
        return [{"type": "function_call_output", "call_id": id, "output": text} for id, text in results]

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
        """Asks. `tools` have name, description, schema. A turn of the model is all of its items, as `{"items": […]}`."""
        assert not stop, "this API has no stop sequences"
        items = [item for turn in turns for item in turn.get("items", [turn])]
        given: dict[str, Any] = {"model": model, "input": items} | more
        if system is not None:
            given["instructions"] = system
        if tools:
            given["tools"] = [
                {
                    "type": "function",
                    "name": t["name"],
                    "description": t["description"],
                    "parameters": t["schema"],
                    "strict": False,
                }
                for t in tools
            ]
        if schema:
            given["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}}
        if max_tokens is not None:
            given["max_output_tokens"] = max_tokens
        if parallel is not None:
            given["parallel_tool_calls"] = parallel
        if not stream:
            return self._answer(self.sdk.responses.create(**given))
        grammar = Grammar()
        # The SDK's own accumulator follows; the grammar looks at each event.
        with self.sdk.responses.stream(**given) as events:
            for event in events:
                grammar.see(event)
        # Of an incomplete answer the accumulator says nothing at the end.
        assert event.type in ("response.completed", "response.incomplete"), "no end"
        return self._answer(event.response, grammar.end(event.response))

    def _answer(self, got: Any, pieces: int = 1) -> Answer:
        assert got.object == "response" and got.status in ("completed", "incomplete")
        calls = [
            Call(item.call_id, item.name, json.loads(item.arguments))
            for item in got.output
            if item.type == "function_call"
        ]
        finish = "tool_calls" if calls else "stop"
        if got.status == "incomplete":
            finish = {"max_output_tokens": "length"}[got.incomplete_details.reason]
        items = [item.model_dump(exclude_none=True, mode="json", exclude={"parsed_arguments"}) for item in got.output]
        for item in items:
            for part in item.get("content", []):
                part.pop("parsed", None)
        spent = got.usage
        assert spent.total_tokens == spent.input_tokens + spent.output_tokens
        return Answer(
            "".join(part.text for item in got.output if item.type == "message" for part in item.content),
            calls,
            finish,
            spent.input_tokens,
            spent.input_tokens_details.cached_tokens,
            spent.output_tokens,
            {"items": items},
            pieces,
            model=got.model,
            id=got.id,
        )


# Events that say all of what grew, and the field that does.
WHOLE = {
    "output_text.done": "text",
    "reasoning_text.done": "text",
    "reasoning_summary_text.done": "text",
    "function_call_arguments.done": "arguments",
    "custom_tool_call_input.done": "input",
    "code_interpreter_call_code.done": "code",
    "mcp_call_arguments.done": "arguments",
}


class Grammar:
    """The order of events: numbers count up by one, each item is added and done once, each part grows between its beginning
    and its end, every delta has its `.done`, and what is done is what grew."""

    def __init__(self) -> None:
        self.number = 0
        self.seen: list[str] = []
        self.items: list[Any] = []
        self.grown: dict[tuple, str] = {}
        self.ended: set[tuple] = set()
        self.pieces = 0

    def see(self, event: Any) -> None:
        """The next event."""
        assert event.sequence_number == self.number, (
            f"{event.type} is number {event.sequence_number}, not {self.number}"
        )
        self.number += 1
        self.seen.append(event.type)
        kind = event.type.removeprefix("response.")
        # What each event is about: an item, and a part of it.
        at = getattr(event, "output_index", None)
        inner = getattr(event, "content_index", getattr(event, "summary_index", None))
        key = (at, inner, kind.rpartition(".")[0])
        handler: Callable[[Any, tuple], None] | None = {
            "output_item.added": self._added,
            "output_item.done": self._done,
        }.get(kind)
        if handler:
            handler(event, key)
        elif kind.endswith(".delta"):
            assert at == len(self.items) - 1 and self.items[at] == event.item_id and key not in self.ended
            self.grown[key] = self.grown.get(key, "") + event.delta
            self.pieces += kind == "output_text.delta"
        elif kind in WHOLE:
            assert getattr(event, WHOLE[kind]) == self.grown.get(key, "")
            self.ended.add(key)

    def _added(self, event: Any, _: tuple) -> None:
        assert event.output_index == len(self.items)
        self.items.append(event.item.id)

    def _done(self, event: Any, _: tuple) -> None:
        assert event.output_index == len(self.items) - 1 and event.item.id == self.items[-1]
        opened = {key for key in self.grown if key[0] == event.output_index}
        assert opened <= self.ended, "a part without its end"

    def end(self, got: Any) -> int:
        """The stream is over; how many pieces the text came in."""
        assert self.seen[:2] == ["response.created", "response.in_progress"]
        assert self.seen[-1] == f"response.{got.status}" and self.seen.count(self.seen[-1]) == 1
        assert [item.id for item in got.output] == self.items
        assert (
            self.seen.count("response.output_item.added")
            == self.seen.count("response.output_item.done")
            == len(self.items)
        )
        return self.pieces
