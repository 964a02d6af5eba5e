"""Cases 29 to 32: schemas, choices and settings."""

import json
from typing import Any

import pytest

from fidelity.stage import Pair
from fidelity.test_messages_and_tools import CLOCK, ROME, WEATHER
from fidelity.words import Ask, Result, Schema, Text, Tool, answer, assistant, results, user

fidelity = pytest.mark.fidelity

NODE = {
    "type": "object",
    "properties": {"label": {"type": "string"}},
    "required": ["label"],
    "additionalProperties": False,
}
TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "A name"},
        "size": {"type": ["integer", "null"]},
        "node": {"$ref": "#/$defs/node"},
        "kind": {"type": "string", "enum": ["leaf", "branch"]},
    },
    "required": ["name", "size", "node", "kind"],
    "additionalProperties": False,
    "$defs": {"node": NODE},
}
SAID = '{"name": "a", "size": null, "node": {"label": "b"}, "kind": "leaf"}'


@fidelity(
    29,
    "A strict schema takes each vendor's own form, and its subset: what doesn't fit is rewritten, or there is a warning",
)
def test_29_schemas(to: Pair) -> None:
    seen, got = to.ask(Ask([user("Go")], schema=Schema(TREE, "tree")), answer(SAID))
    assert json.loads(got.text) == json.loads(SAID)
    # The vendor's rules have it already: it is in its subset.
    assert set(seen.schema["properties"]) == set(TREE["properties"])
    assert set(seen.schema["required"]) == set(TREE["required"])
    shown = json.dumps(seen.schema)
    assert "label" in shown and "branch" in shown and "null" in shown
    match to.provider:
        case "openai":
            assert seen.body["response_format"]["json_schema"]["strict"] is True
        case "openai-responses":
            assert seen.body["text"]["format"]["strict"] is True
    # A tool's schema is the model's to read: nothing of it is lost.
    seen, _ = to.ask(Ask([user("Go")], (Tool("plant", TREE, "Plants a tree"),)))
    (tool,) = seen.tools
    assert set(tool.schema["properties"]) == set(TREE["properties"])
    assert "label" in json.dumps(tool.schema)


@fidelity(30, "`tool_choice` none, auto, required, one tool; one call at a time")
def test_30_choices(to: Pair) -> None:
    tools = (WEATHER, CLOCK)
    for choice in ("auto", "required", ("tool", "clock"), "none"):
        seen, _ = to.ask(Ask([user("Go")], tools, choice=choice))
        if (choice, to.provider) == ("none", "bedrock"):
            # It has no such choice.
            assert seen.tools == [] and seen.choice is None
        else:
            assert seen.choice == choice and len(seen.tools) == 2
    # A history of calls needs its tools, chosen or not.
    told = [user("Rome?"), assistant(ROME), results(Result(ROME.id, (Text("7 °C"),))), user("Thanks.")]
    seen, _ = to.ask(Ask(told, tools, choice="none"))
    assert "weather" in [tool.name for tool in seen.tools] and seen.choice == (
        None if to.provider == "bedrock" else "none"
    )
    seen, got = to.ask(Ask([user("Go")], tools, parallel=False))
    match to.provider:
        case "openai" | "openai-responses":
            assert seen.body["parallel_tool_calls"] is False
        case "anthropic":
            assert seen.body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
        case "bedrock":
            extra = seen.body["additionalModelRequestFields"]
            assert extra["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
        case "gemini":
            assert "parallel_tool_calls" in got.warnings


NO_BETAS = "Only clients of Anthropic Messages send `anthropic-beta`."
KNOWN, UNHEARD_OF = "context-1m-2025-08-07", "teleport-2031-01-01"


@fidelity(
    31,
    "`anthropic-beta`: what the target knows goes on, on Bedrock in the body; the rest is a warning",
    na={"chat": NO_BETAS, "responses": NO_BETAS},
)
def test_31_betas(to: Pair) -> None:
    seen, got = to.ask(Ask([user("Hi")], headers={"anthropic-beta": f"{KNOWN},{UNHEARD_OF}"}))
    match to.provider:
        case "anthropic":
            assert seen.headers["anthropic-beta"].replace(" ", "") == f"{KNOWN},{UNHEARD_OF}"
        case "bedrock":
            assert seen.body["additionalModelRequestFields"]["anthropic_beta"] == [KNOWN]
            assert UNHEARD_OF in got.warnings and KNOWN not in got.warnings
        case _:
            assert "betas" in got.warnings and "beta" not in json.dumps(seen.body)
    if to.provider != "anthropic":
        assert "anthropic-beta" not in seen.headers


# A setting of a client's: its fields, a value that shows in the vendor's request where it is honoured, and its name in a
# warning or refusal. What changes the answer's form may not be ignored.
SETTINGS: dict[str, list[tuple[dict, Any, tuple[str, ...], bool]]] = {
    "chat": [
        ({"stop": ["END"]}, "END", ("stop",), False),
        ({"temperature": 0.31}, 0.31, ("temperature",), False),
        ({"top_p": 0.91}, 0.91, ("top_p",), False),
        ({"top_k": 41}, 41, ("top_k",), False),
        ({"seed": 770077}, 770077, ("seed",), False),
        ({"frequency_penalty": 0.51}, 0.51, ("frequency_penalty",), False),
        ({"presence_penalty": 0.52}, 0.52, ("presence_penalty",), False),
        ({"logit_bias": {"50256": -77}}, -77, ("logit_bias",), False),
        ({"logprobs": True, "top_logprobs": 3}, 3, ("logprobs",), False),
        ({"n": 2}, 2, ("choices", "`n`", "one answer"), True),
    ],
    "responses": [
        ({"temperature": 0.31}, 0.31, ("temperature",), False),
        ({"top_p": 0.91}, 0.91, ("top_p",), False),
        ({"top_logprobs": 3, "include": ["message.output_text.logprobs"]}, 3, ("logprobs",), False),
        ({"truncation": "auto"}, "auto", ("truncation",), False),
        ({"max_tool_calls": 33}, 33, ("max_tool_calls",), False),
    ],
    "messages": [
        ({"stop_sequences": ["END"]}, "END", ("stop",), False),
        ({"temperature": 0.31}, 0.31, ("temperature",), False),
        ({"top_p": 0.91}, 0.91, ("top_p",), False),
        ({"top_k": 41}, 41, ("top_k",), False),
        ({"container": "container_1"}, "container_1", ("container",), False),
    ],
}


def values(value: Any) -> list:
    """All that isn't a list or an object."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inner is None else [found for one in inner for found in values(one)]


@fidelity(
    32,
    "Stop texts, `top_k`, `seed`, penalties, `logprobs`, `n`: honoured, or a warning, or a 400 where the answer would differ",
)
def test_32_settings(to: Pair) -> None:
    said = answer("Hello.")
    body = b"".join(to.wire.stream(said)) if to.stream else json.dumps(to.wire.whole(said)).encode()
    for fields, value, names, changes in SETTINGS[to.dialect]:
        got = to.send(Ask([user("Hi")], own={to.dialect: fields}), to.reply(body))
        if to.asked() and value in values(to.asked()[-1].json):
            continue
        assert not to.native
        if changes:
            assert got.status == 400, f"{fields} is ignored: {got.raw.decode()}"
            message = to.client.failed(got, False)["message"]
        else:
            assert got.status == 200, got.raw
            message = got.warnings
        assert any(name in message for name in names), f"{fields} is ignored: {message!r}"
