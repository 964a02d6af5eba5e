"""Google's SDK behind the face of `clients.py`. It speaks to the mock vendor only: the host has no dialect for it."""

from typing import Any

from google import genai
from google.genai import errors, types

from clients import Answer, Call

FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}


class GeminiClient:
    """Google's SDK."""

    dialect = "gemini"
    errors = errors

    def __init__(self, url: str, key: str):
        once = types.HttpRetryOptions(attempts=1)
        self.sdk = genai.Client(
            api_key=key, http_options=types.HttpOptions(base_url=url, timeout=60_000, retry_options=once)
        )
        # Name and the vendor's id of each call, by the id that cases know it by.
        self._calls: dict[str, tuple[str, str | None]] = {}

    def user(self, text: str, image: bytes | str | None = None) -> types.Content:
        """A message; an image is bytes of a PNG or a URL."""
        parts = [types.Part.from_text(text=text)]
        if isinstance(image, str):
            parts.append(types.Part.from_uri(file_uri=image, mime_type="image/png"))
        elif image is not None:
            parts.append(types.Part.from_bytes(data=image, mime_type="image/png"))
        return types.Content(role="user", parts=parts)

    def results(self, results: list[tuple[str, str]]) -> list[types.Content]:
        """The message with the results of tool calls, by id."""
        parts = []
        for id, text in results:
            name, own = self._calls[id]
            response = types.FunctionResponse(name=name, id=own, response={"output": text})
            parts.append(types.Part(function_response=response))
        return [types.Content(role="user", parts=parts)]

    def ask(
        self,
        model: str,
        turns: list,
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
        """Asks. `tools` have name, description, schema. The API has no word for `parallel`."""
        given: dict[str, Any] = {"system_instruction": system, "stop_sequences": stop, "max_output_tokens": max_tokens}
        if tools:
            declared = [
                types.FunctionDeclaration(
                    name=tool["name"], description=tool["description"], parameters_json_schema=tool["schema"]
                )
                for tool in tools
            ]
            given["tools"] = [types.Tool(function_declarations=declared)]
        if schema:
            given |= {"response_mime_type": "application/json", "response_json_schema": schema}
        asked = {
            "model": model,
            "contents": [_content(turn) for turn in turns],
            "config": types.GenerateContentConfig(**given, **more),
        }
        if not stream:
            return self._answer([self.sdk.models.generate_content(**asked)])
        return self._answer(list(self.sdk.models.generate_content_stream(**asked)))

    def _answer(self, chunks: list[types.GenerateContentResponse]) -> Answer:
        parts: list[types.Part] = []
        finish, usage = None, None
        for chunk in chunks:
            (candidate,) = chunk.candidates
            assert finish is None, "a chunk after the finish"
            assert (chunk.response_id, chunk.model_version) == (chunks[0].response_id, chunks[0].model_version)
            parts += candidate.content.parts if candidate.content else []
            finish, usage = candidate.finish_reason, chunk.usage_metadata
        assert finish is not None, "no finish"
        said = [part.text for part in parts if part.text and not part.thought]
        calls = []
        for part in parts:
            if call := part.function_call:
                id = call.id or f"{chunks[0].response_id}/{len(calls)}"
                self._calls[id] = (call.name, call.id)
                calls.append(Call(id, call.name, call.args or {}))
        output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        assert usage.total_token_count == usage.prompt_token_count + output
        return Answer(
            "".join(said),
            calls,
            "tool_calls" if calls else FINISH[finish.value],
            usage.prompt_token_count,
            usage.cached_content_token_count or 0,
            output,
            types.Content(role="model", parts=parts),
            len(said),
            model=chunks[0].model_version,
            id=chunks[0].response_id,
        )


def _content(turn: Any) -> types.Content:
    """Some cases write what the model said by hand."""
    if isinstance(turn, types.Content):
        return turn
    return types.Content(role="model", parts=[types.Part.from_text(text=turn["content"])])
