"""The cases of Open Responses' compliance suite by their names, on every provider. Each answer must have what the specification requires of
a response, and each stream what it requires of events; the SDK's types say the rest."""

import base64
import json

import httpx
import pytest

from clients import PNG
from harness import Evenhand, sse

PROVIDERS = ["openai", "openai-responses", "anthropic", "bedrock", "gemini"]

# What a response must have, whatever it says: `ResponseResource` of the specification of 2026-04-24.
REQUIRED = {
    "id", "object", "created_at", "completed_at", "status", "incomplete_details", "model", "previous_response_id", "instructions",
    "output", "error", "tools", "tool_choice", "truncation", "parallel_tool_calls", "text", "top_p", "presence_penalty",
    "frequency_penalty", "top_logprobs", "temperature", "reasoning", "usage", "max_output_tokens", "max_tool_calls", "store",
    "background", "service_tier", "metadata", "safety_identifier", "prompt_cache_key",
}

TOOL = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def message(role: str, content: str | list) -> dict:
    return {"type": "message", "role": role, "content": content}


def image() -> list[dict]:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    return [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": url}]


CASES = {
    "basic-response": {"input": [message("user", "Say hello in exactly 3 words.")]},
    "streaming-response": {"input": [message("user", "Count from 1 to 5.")], "stream": True},
    "system-prompt": {"input": [message("system", "You are a pirate."), message("user", "Say hello.")]},
    "tool-calling": {"input": [message("user", "San Francisco")], "tools": [TOOL]},
    "tool-calling-streaming": {"input": [message("user", "San Francisco")], "tools": [TOOL], "stream": True},
    "image-input": {"input": [message("user", image())]},
    "multi-turn": {
        "input": [message("user", "My name is Alice."), message("assistant", "Hello Alice!"), message("user", "What is my name?")]
    },
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", CASES)
def test_case(name, provider, evenhand_with_all: Evenhand):
    asked = {"stream": False} | CASES[name]
    model = f"{provider}/{'mock-tools' if 'tools' in asked else 'mock-echo'}"
    answer = httpx.post(f"{evenhand_with_all.url}/v1/responses", json=asked | {"model": model}, timeout=60)
    assert answer.status_code == 200, answer.text
    if asked["stream"]:
        events = [json.loads(data) for _, data in sse(answer.text)]
        assert all(name == json.loads(data)["type"] for name, data in sse(answer.text))
        kinds = [event["type"] for event in events]
        assert kinds[:2] == ["response.created", "response.in_progress"] and kinds[-1] == "response.completed"
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        response = events[-1]["response"]
        if "tools" in asked:
            item = {event["type"]: event["item"]["type"] for event in events if "item" in event}
            assert item == {"response.output_item.added": "function_call", "response.output_item.done": "function_call"}
            assert "response.function_call_arguments.delta" in kinds and "response.function_call_arguments.done" in kinds
    else:
        response = answer.json()
    assert response["status"] == "completed" and response["output"], response
    # The vendor's own words go on untouched, and these are not among them.
    untouched = {"frequency_penalty", "presence_penalty"} if provider == "openai-responses" else set()
    assert not (missing := REQUIRED - set(response) - untouched), missing
    kinds = [item["type"] for item in response["output"]]
    assert kinds == (["function_call"] if "tools" in asked else ["message"])
    for item in response["output"]:
        assert item["id"] and item["status"] == "completed"
    usage = response["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"]["cached_tokens"] >= 0 and usage["output_tokens_details"]["reasoning_tokens"] >= 0
