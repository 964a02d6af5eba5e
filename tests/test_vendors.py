"""The mock vendors themselves, driven by the official SDKs without Evenhand between: they answer as the API would, and
they refuse what it refuses."""

import base64
import math
import struct

import anthropic
import httpx
import openai
import pytest

from cases import CASES, CLOCK, WEATHER, Setting
from clients import CLIENTS, PNG, AnthropicClient, OpenAIClient


@pytest.fixture
def clients(vendors) -> dict:
    return {dialect: client(vendors[dialect].url, vendors[dialect].key) for dialect, client in CLIENTS.items()}


@pytest.fixture
def gpt(clients) -> OpenAIClient:
    return clients["openai"]


@pytest.fixture
def claude(clients) -> AnthropicClient:
    return clients["anthropic"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_mock_answers_as_the_api_would(case, dialect, stream, clients):
    case(Setting(clients[dialect], dialect, stream))


def test_embeddings(gpt):
    texts = ["to be or not", "to be", "unlike"]
    floats = gpt.sdk.embeddings.create(model="mock-embed", input=texts, encoding_format="float")
    packed = gpt.sdk.embeddings.create(model="mock-embed", input=texts)
    assert floats.usage.prompt_tokens == 7
    for index, (one, other) in enumerate(zip(floats.data, packed.data, strict=True)):
        assert one.index == other.index == index
        assert other.embedding == pytest.approx(one.embedding, abs=1e-7)
        assert math.hypot(*one.embedding) == pytest.approx(1)
    short = gpt.sdk.embeddings.create(model="mock-embed", input=[[1, 2], [3]], dimensions=8)
    assert [len(item.embedding) for item in short.data] == [8, 8]
    raw = gpt.sdk.post(
        "/embeddings", body={"model": "mock-embed", "input": "a", "encoding_format": "base64"}, cast_to=object
    )
    assert len(struct.unpack("<64f", base64.b64decode(raw["data"][0]["embedding"]))) == 64


def test_models_and_their_pages(gpt, claude, vendors):
    ids = [model.id for model in gpt.sdk.models.list()]
    before = len(vendors["anthropic"].requests)
    assert [model.id for model in claude.sdk.models.list()] == ids
    assert len(vendors["anthropic"].requests) - before == 2, "the list takes two pages"
    assert gpt.sdk.models.retrieve("mock-echo").id == claude.sdk.models.retrieve("mock-echo").id == "mock-echo"


def test_count_tokens(claude):
    count = claude.sdk.messages.count_tokens(
        model="mock-echo", system="two words", messages=[claude.user("and three more")]
    )
    assert count.input_tokens == 5


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted"])
def test_thoughts_are_signed_and_wanted_back_unchanged(claude, model, stream):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    turns = [claude.user("Rome today")]
    asked = claude.ask(model, turns, stream=stream, tools=[WEATHER], thinking=thinking)
    kinds = [block["type"] for block in asked.turn["content"]]
    assert kinds == ["thinking" if model == "mock-thinking" else "redacted_thinking", "tool_use"]
    turns += [asked.turn, *claude.results([(asked.calls[0].id, "warm")])]
    assert claude.ask(model, turns, stream=stream, tools=[WEATHER], thinking=thinking).text.endswith("weather = warm")
    secret = "signature" if model == "mock-thinking" else "data"
    block = asked.turn["content"][0]
    block[secret] = base64.b64encode(b"x" * 32 + base64.b64decode(block[secret])[32:]).decode()
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        claude.ask(model, turns, stream=stream, tools=[WEATHER], thinking=thinking)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize(
    "model, status", [("mock-429", 429), ("mock-500", 500), ("mock-overloaded", 0), ("mock-nothing", 404)]
)
def test_errors_come_as_the_sdk_s_own(clients, vendors, dialect, model, status, stream):
    client = clients[dialect]
    status = status or {"openai": 503, "anthropic": 529}[dialect]
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask(model, [client.user("Hm")], stream=stream)
    assert caught.value.status_code == status
    assert caught.value.response.headers.get("retry-after") == (vendors[dialect].retry_after if status == 429 else None)


@pytest.mark.parametrize(
    "dialect, model, kind",
    [
        ("openai", "mock-cut", "APIConnectionError"),
        # Anthropic's SDK passes on what its HTTP library raises.
        ("anthropic", "mock-cut", "RemoteProtocolError"),
        ("openai", "mock-error-mid", "APIError"),
        ("anthropic", "mock-error-mid", "APIStatusError"),
        # What the SDKs don't notice themselves (a stream that just ends), the checks of clients.py do.
        ("openai", "mock-truncated", "AssertionError"),
        ("anthropic", "mock-truncated", "AssertionError"),
    ],
)
def test_a_broken_stream_is_no_clean_end(clients, dialect, model, kind):
    client = clients[dialect]
    with pytest.raises(Exception) as caught:
        client.ask(model, [client.user("one two three")], stream=True)
    assert type(caught.value).__name__ == kind


def test_credentials(vendors):
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key") as caught:
        OpenAIClient(vendors["openai"].url, "sk-wrong").ask("mock-echo", [])
    assert caught.value.code == "invalid_api_key"
    with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
        AnthropicClient(vendors["anthropic"].url, "sk-wrong").ask("mock-echo", [])


@pytest.mark.parametrize(
    "given, status",
    [
        ({"x-api-key": "KEY"}, 400),
        ({"x-api-key": "KEY", "anthropic-version": "2024-01-01"}, 400),
        ({"anthropic-version": "2023-06-01"}, 401),
        ({"x-api-key": "KEY", "authorization": "Bearer someone-else", "anthropic-version": "2023-06-01"}, 401),
        ({"x-api-key": "KEY", "anthropic-version": "2023-06-01", "anthropic-beta": "no such beta"}, 400),
        ({"x-api-key": "KEY", "anthropic-version": "2023-06-01"}, 200),
    ],
)
def test_anthropic_headers(vendors, given, status):
    vendor = vendors["anthropic"]
    headers = {name: value.replace("KEY", vendor.key) for name, value in given.items()}
    body = {"model": "mock-echo", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    assert httpx.post(f"{vendor.url}/v1/messages", headers=headers, json=body).status_code == status


def user(*blocks, role="user") -> dict:
    return {"role": role, "content": list(blocks)}


def text(said: str) -> dict:
    return {"type": "text", "text": said}


CALL = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
FUNCTION = {"type": "function", "function": {"name": "clock", "parameters": CLOCK["schema"]}}
TOLD = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
HI = {"role": "user", "content": "Hi"}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
NOT_PNG = base64.b64encode(b"not a picture").decode()
CHAT_FAULTS = {
    "unknown field": ({"top_k": 3}, "Unknown parameter: 'top_k'"),
    "unknown field inside": ({"messages": [HI | {"cache": 1}]}, r"Unknown parameter: 'messages\[0\].cache'"),
    "no messages": ({"messages": []}, "empty array"),
    "missing messages": ({"messages": ...}, "Missing required parameter: 'messages'"),
    "wrong type": ({"temperature": "warm"}, "'temperature'"),
    "boolean for a number": ({"n": True}, "'n'"),
    "unknown role": ({"messages": [HI | {"role": "robot"}]}, r"'messages\[0\]'"),
    "too hot": ({"temperature": 2.5}, "<= 2"),
    "no tokens": ({"max_completion_tokens": 0}, ">= 1"),
    "two limits": ({"max_completion_tokens": 5, "max_tokens": 5}, "at the same time"),
    "five stops": ({"stop": list("abcde")}, "1 to 4"),
    "stream options alone": ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'"),
    "tool choice alone": ({"tool_choice": "auto"}, "only allowed when 'tools'"),
    "parallel alone": ({"parallel_tool_calls": False}, "only allowed when 'tools'"),
    "empty tools": ({"tools": []}, "Invalid 'tools'"),
    "tool name": ({"tools": [{"type": "function", "function": {"name": "a.b"}}]}, "pattern"),
    "long tool name": ({"tools": [{"type": "function", "function": {"name": "a" * 65}}]}, "pattern"),
    "tool schema": (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "nothing"}}}]},
        "Invalid schema",
    ),
    "array schema": (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
        "Invalid schema",
    ),
    "chosen tool": ({"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "not found"),
    "result without call": ({"messages": [HI, TOLD]}, "preceeding message"),
    "call without result": ({"messages": [HI, ASKED, HI]}, "did not have response messages: c1"),
    "call at the end": ({"messages": [HI, ASKED]}, "did not have response messages: c1"),
    "result twice": ({"messages": [HI, ASKED, TOLD, TOLD]}, "preceeding message"),
    "arguments as object": (
        {"messages": [HI, ASKED | {"tool_calls": [CALL | {"function": {"name": "f", "arguments": {}}}]}, TOLD]},
        "arguments",
    ),
    "silent assistant": ({"messages": [HI, {"role": "assistant", "content": None}]}, "expected a string, got null"),
    "bad picture": (
        {"messages": [user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{NOT_PNG}"}})]},
        "does not match",
    ),
    "bad base64": (
        {"messages": [user({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}})]},
        "base64",
    ),
    "picture of a kind": (
        {"messages": [user({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA=="}})]},
        "unsupported",
    ),
    "no url": ({"messages": [user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}})]}, "valid URL"),
    "json unasked": ({"response_format": {"type": "json_object"}}, "the word 'json'"),
    "open strict schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "strict": True, "schema": OPEN_SCHEMA},
            }
        },
        "additionalProperties",
    ),
    "null where none may be": ({"parallel_tool_calls": None, "tools": [FUNCTION]}, "parallel_tool_calls"),
}


@pytest.mark.parametrize("fault", CHAT_FAULTS)
def test_openai_refuses(gpt, fault):
    change, words = CHAT_FAULTS[fault]
    body = {
        name: value for name, value in ({"model": "mock-echo", "messages": [HI]} | change).items() if value is not ...
    }
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        gpt.sdk.post("/chat/completions", body=body, cast_to=object)
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "change",
    [{"input": []}, {"input": ""}, {"input": ["a", 1]}, {"encoding_format": None}, {"dimensions": 0}, {"size": 3}],
)
def test_openai_refuses_embeddings(gpt, change):
    with pytest.raises(openai.BadRequestError):
        gpt.sdk.post("/embeddings", body={"model": "mock-embed", "input": "a"} | change, cast_to=object)


TOOL = {"name": "clock", "input_schema": CLOCK["schema"]}
USE = {"type": "tool_use", "id": "t1", "name": "clock", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "noon"}
CALLS = user(USE, role="assistant")
MARK = {"cache_control": {"type": "ephemeral"}}


def picture(**source) -> dict:
    return {"messages": [user({"type": "image", "source": source})]}


MESSAGE_FAULTS = {
    "unknown field": ({"n": 2}, "n: Extra inputs are not permitted"),
    "unknown field inside": ({"messages": [HI | {"name": "x"}]}, "messages.0.name: Extra inputs"),
    "missing limit": ({"max_tokens": ...}, "max_tokens: Field required"),
    "wrong type": ({"max_tokens": "9"}, "max_tokens"),
    "no messages": ({"messages": []}, "at least one message"),
    "unknown role": ({"messages": [HI | {"role": "robot"}]}, "messages.0"),
    "assistant first": ({"messages": [HI | {"role": "assistant"}]}, 'must use the "user" role'),
    "empty text": ({"messages": [user(text(""))]}, "must be non-empty"),
    "blank text": ({"messages": [user(text(" \n"))]}, "non-whitespace"),
    "empty message": ({"messages": [user(), HI]}, "non-empty content"),
    "empty system": ({"system": [text("")]}, "non-empty"),
    "trailing space": ({"messages": [HI, {"role": "assistant", "content": "So "}]}, "trailing whitespace"),
    "temperature": ({"temperature": 1}, "temperature: Extra inputs"),
    "blank stop": ({"stop_sequences": [" "]}, "non-whitespace"),
    "tool choice alone": ({"tool_choice": {"type": "auto"}}, "while providing tools"),
    "tool name": ({"tools": [TOOL | {"name": "a.b"}]}, "pattern"),
    "tool twice": ({"tools": [TOOL, TOOL]}, "must be unique"),
    "schema missing": ({"tools": [{"name": "clock"}]}, "input_schema"),
    "schema of an array": ({"tools": [TOOL | {"input_schema": {"type": "array"}}]}, "input_schema"),
    "schema invalid": ({"tools": [TOOL | {"input_schema": {"type": "object", "properties": 3}}]}, "input_schema"),
    "chosen tool": ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "not found"),
    "openai's tool choice": ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice"),
    "result without call": ({"messages": [user(RESULT)]}, "unexpected `tool_use_id`"),
    "call without result": ({"messages": [HI, CALLS, HI]}, "without `tool_result`"),
    "call at the end": ({"messages": [HI, CALLS]}, "without `tool_result`"),
    "result after text": ({"messages": [HI, CALLS, user(text("So:"), RESULT)]}, "without `tool_result`"),
    "result a turn late": ({"messages": [HI, CALLS, HI, user(RESULT)]}, "without `tool_result`"),
    "result twice": ({"messages": [HI, CALLS, user(RESULT, RESULT)]}, "unexpected `tool_use_id`"),
    "input as text": ({"messages": [HI, user(USE | {"input": "{}"}, role="assistant"), user(RESULT)]}, "input"),
    "id twice": ({"messages": [HI, CALLS, user(RESULT), CALLS, user(RESULT)]}, "ids must be unique"),
    "id with a dot": (
        {"messages": [HI, user(USE | {"id": "t.1"}, role="assistant"), user(RESULT | {"tool_use_id": "t.1"})]},
        "pattern",
    ),
    "bad picture": (picture(type="base64", media_type="image/png", data=NOT_PNG), "does not match"),
    "picture of a kind": (picture(type="base64", media_type="image/tiff", data="AA=="), "media_type"),
    "bad base64": (picture(type="base64", media_type="image/png", data="%%%"), "base64"),
    "plain http": (picture(type="url", url="http://a.example/x.png"), "HTTPS"),
    "assistant's picture": (
        {
            "messages": [
                HI,
                user(
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()},
                    },
                    role="assistant",
                ),
            ]
        },
        "image",
    ),
    "open schema": (
        {"output_config": {"format": {"type": "json_schema", "schema": OPEN_SCHEMA}}},
        "additionalProperties",
    ),
    "range in schema": (
        {
            "output_config": {
                "format": {
                    "type": "json_schema",
                    "schema": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"a": {"type": "integer", "minimum": 1}},
                    },
                }
            }
        },
        "not supported",
    ),
    "five marks": ({"messages": [user(*[text(c) | MARK for c in "abcde"])]}, "Found 5"),
    "small budget": ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "1024"),
    "budget over limit": ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "greater than"),
    "thinking and forcing": (
        {"thinking": {"type": "adaptive"}, "tools": [TOOL], "tool_choice": {"type": "any"}},
        "forces",
    ),
    "thought left out": (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [HI, CALLS, user(RESULT)]},
        "Expected `thinking`",
    ),
    "forged thought": (
        {"messages": [HI, user({"type": "thinking", "thinking": "x", "signature": "eA=="}, role="assistant"), HI]},
        "signature",
    ),
    "user's citations": (
        {
            "messages": [
                user(
                    text("a")
                    | {
                        "citations": [
                            {
                                "type": "char_location",
                                "cited_text": "a",
                                "document_index": 0,
                                "document_title": None,
                                "start_char_index": 0,
                                "end_char_index": 1,
                            }
                        ]
                    }
                )
            ]
        },
        "citations",
    ),
}


@pytest.mark.parametrize("fault", MESSAGE_FAULTS)
def test_anthropic_refuses(claude, fault):
    change, words = MESSAGE_FAULTS[fault]
    body = {
        name: value
        for name, value in ({"model": "mock-echo", "max_tokens": 4096, "messages": [HI]} | change).items()
        if value is not ...
    }
    with pytest.raises(anthropic.BadRequestError, match=words) as caught:
        claude.sdk.post("/v1/messages", body=body, cast_to=object)
    assert caught.value.body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("value, status", [(0.5, 200), (1.5, 400)])
def test_the_older_version_takes_a_temperature_up_to_one(claude, value, status):
    older = {"anthropic-version": "2023-06-01"}
    try:
        claude.sdk.messages.create(
            model="mock-echo", max_tokens=9, messages=[HI], extra_body={"temperature": value}, extra_headers=older
        )
        got = 200
    except anthropic.APIStatusError as error:
        got = error.status_code
    assert got == status


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": "a", "model": "b"}', b'{"model": NaN}', b"\xff"], ids=repr)
def test_what_is_no_json_object_is_refused(clients, dialect, body):
    client = clients[dialect]
    path = {"openai": "/chat/completions", "anthropic": "/v1/messages"}[dialect]
    with pytest.raises(client.errors.BadRequestError):
        client.sdk.post(path, content=body, cast_to=object, options={"headers": {"content-type": "application/json"}})
