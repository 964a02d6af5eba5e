"""What only Gemini's provider has to get right, through the built binary, for clients of both dialects."""

import json

import jsonschema
import pytest

from cases import CLOCK, WEATHER, weather
from clients import CLIENTS, PNG, AnthropicClient, OpenAIClient
from harness import Evenhand, config, provider, secrets

DIALECTS = list(CLIENTS)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def evenhand(evenhand_with_all: Evenhand) -> Evenhand:
    return evenhand_with_all


@pytest.fixture
def gpt(evenhand) -> OpenAIClient:
    return evenhand.client("openai")


@pytest.fixture
def claude(evenhand) -> AnthropicClient:
    return evenhand.client("anthropic")


def sent(vendor) -> dict:
    """The body of the newest request."""
    return vendor.last.json


@STREAM
def test_thoughts_go_to_the_client_and_back(stream, claude, gemini_vendor):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    turns = [claude.user("Rome today")]
    first = claude.ask("gemini/mock-thinking", turns, stream=stream, thinking=thinking)
    assert sent(gemini_vendor)["generationConfig"]["thinkingConfig"] == {
        "thinkingBudget": 1024,
        "includeThoughts": True,
    }
    thought, said = first.turn["content"]
    assert (thought["thinking"], said["text"]) == ("They said: Rome today", "user: Rome today")
    turns += [first.turn, claude.user("And now?")]
    assert claude.ask("gemini/mock-echo", turns, stream=stream).text.endswith("user: And now?")
    assert sent(gemini_vendor)["contents"][1]["parts"][0] == {"text": "They said: Rome today", "thought": True}


@pytest.mark.parametrize("effort, level", [("minimal", "MINIMAL"), ("high", "HIGH")])
def test_hidden_thoughts_are_counted(effort, level, gpt, gemini_vendor):
    got = gpt.sdk.chat.completions.create(
        model="gemini/mock-reasoning", messages=[gpt.user("Rome today")], reasoning_effort=effort
    )
    assert sent(gemini_vendor)["generationConfig"]["thinkingConfig"] == {"thinkingLevel": level}
    assert got.choices[0].message.content == "user: Rome today"
    # They said: Rome today
    assert got.usage.completion_tokens_details.reasoning_tokens == 4
    assert got.usage.completion_tokens == 4 + 3


@STREAM
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_signature_comes_back_and_a_lost_one_has_a_placeholder(dialect, stream, evenhand, gemini_vendor):
    client = evenhand.client(dialect)
    turns = [client.user("Oslo now")]
    asked = client.ask("gemini/mock-parallel-tools", turns, tools=[WEATHER, CLOCK], stream=stream)
    assert [call.arguments for call in asked.calls] == [weather("Oslo now"), {}]
    # The results come in another order than the calls, which have no ids of the vendor's.
    first, second = (call.id for call in asked.calls)
    placeholder = "skip_thought_signature_validator"
    for lost in (False, True):
        turn = asked.turn
        if lost:
            # The host keeps it by the call's id.
            turn = json.loads(json.dumps(turn).replace(first, f"{first}_other"))
            first += "_other"
        told = client.ask(
            "gemini/mock-tools",
            [*turns, turn, *client.results([(second, "12:00"), (first, "mild")])],
            tools=[WEATHER, CLOCK],
            stream=stream,
        )
        assert told.text.splitlines()[-2:] == ["tool: weather = mild", "tool: clock = 12:00"]
        calls = [part for part in sent(gemini_vendor)["contents"][1]["parts"] if "functionCall" in part]
        assert (calls[0]["thoughtSignature"] == placeholder) == lost and "thoughtSignature" not in calls[1]
        assert all("id" not in part["functionCall"] for part in calls)


def test_what_is_not_honoured_is_said(gpt):
    create = gpt.sdk.chat.completions.with_raw_response.create
    tool = {"type": "function", "function": {"name": "clock", "parameters": CLOCK["schema"], "strict": True}}
    given = {"model": "gemini/mock-echo", "messages": [gpt.user("Hi")]}
    plain = create(**given)
    assert "evenhand-warning" not in plain.headers
    warned = create(**given, tools=[tool], parallel_tool_calls=False, user="u", logit_bias={"1": 1})
    for field in ("parallel_tool_calls", "tools.strict", "user", "logit_bias"):
        assert field in warned.headers["evenhand-warning"]


@pytest.mark.parametrize("tier, told", [("flex", "flex"), ("default", "default"), ("auto", "default")])
def test_the_tier_that_served_is_told(tier, told, gpt, gemini_vendor):
    got = gpt.sdk.chat.completions.create(
        model="gemini/mock-echo", messages=[gpt.user("Hi")], service_tier=tier, stream=False
    )
    assert sent(gemini_vendor).get("serviceTier") == {"flex": "flex", "default": "standard", "auto": None}[tier]
    assert got.service_tier == told


def test_several_answers_and_probabilities(gpt):
    got = gpt.sdk.chat.completions.create(
        model="gemini/mock-echo", messages=[gpt.user("a b")], n=2, logprobs=True, top_logprobs=2
    )
    assert [(choice.index, choice.message.content) for choice in got.choices] == [(0, "user: a b"), (1, "user: a b")]
    tokens = got.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == "user: a b"
    assert [len(token.top_logprobs) for token in tokens] == [2, 2, 2] and tokens[0].logprob == -0.5


def test_schemas_with_what_the_vendor_lacks(gpt, gemini_vendor):
    schema = {
        "type": "object",
        "properties": {
            "kind": {"const": "note"},
            "size": {"type": "integer", "exclusiveMinimum": 0},
            "inner": {"$ref": "#/definitions/inner", "description": "d"},
            "maybe": {"type": ["string", "null"], "enum": ["a", None]},
        },
        "required": ["kind", "size", "inner", "maybe"],
        "definitions": {"inner": {"allOf": [{"type": "object", "properties": {"ok": {"type": "boolean"}}}]}},
    }
    got = gpt.sdk.chat.completions.with_raw_response.create(
        model="gemini/mock-echo",
        messages=[gpt.user("a b c")],
        response_format={"type": "json_schema", "json_schema": {"name": "note", "schema": schema}},
    )
    answer = json.loads(got.parse().choices[0].message.content)
    jsonschema.validate(answer, schema)
    assert "evenhand-warning" not in got.headers
    assert sent(gemini_vendor)["generationConfig"]["responseMimeType"] == "application/json"


@STREAM
def test_an_image_inside_a_tool_s_result(stream, claude):
    turns = [claude.user("Oslo")]
    asked = claude.ask("gemini/mock-tools", turns, tools=[WEATHER], stream=stream)
    (result,) = claude.results([(asked.calls[0].id, "see")])
    result["content"][0]["content"] = [{"type": "text", "text": "see "}, claude.user("", PNG)["content"][1]]
    told = claude.ask("gemini/mock-tools", [*turns, asked.turn, result], tools=[WEATHER], stream=stream)
    assert told.text.rpartition("tool: weather = ")[2].startswith("see [image/png")


def test_another_vendor_s_tools_are_refused_by_name(claude):
    search = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(claude.errors.BadRequestError, match="web_search_20250305"):
        claude.sdk.messages.create(model="gemini/mock-echo", max_tokens=9, messages=[claude.user("Hi")], tools=[search])


@pytest.mark.parametrize("client_format", ["float", "base64"])
def test_embeddings(client_format, gpt, gemini_vendor):
    texts = [f"text {n}" for n in range(101)]
    before = len(gemini_vendor.requests)
    got = gpt.sdk.embeddings.create(
        model="gemini/mock-embed", input=texts, encoding_format=client_format, dimensions=16
    )
    assert len(got.data) == 101 and got.usage.prompt_tokens == 202
    assert len([r for r in gemini_vendor.requests[before:] if r.method == "POST"]) == 2, "in batches"
    direct = gpt.sdk.embeddings.create(
        model="gemini/mock-embed", input="text 100", encoding_format="float", dimensions=16
    )
    if client_format == "float":
        assert got.data[100].embedding == direct.data[0].embedding
    with pytest.raises(gpt.errors.BadRequestError, match="tokens"):
        gpt.sdk.embeddings.create(model="gemini/mock-embed", input=[[1, 2]])


def test_count_tokens(claude):
    counted = claude.sdk.messages.count_tokens(
        model="gemini/mock-echo", system="two words", messages=[claude.user("and three more")]
    )
    assert counted.input_tokens == 5


def test_models(evenhand):
    listed = {model.id: model for model in evenhand.client("anthropic").sdk.models.list()}
    assert listed["gemini/mock-echo"].display_name == "Mock Echo"
    assert listed["gemini/mock-echo"].max_input_tokens == 1_048_576
    assert "gemini/mock-spare-11" in listed, "the vendor's list takes two pages"


@STREAM
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "model, status, kind",
    [
        ("mock-429", 429, "RateLimitError"),
        ("mock-500", 500, "InternalServerError"),
        ("mock-none", 404, "NotFoundError"),
    ],
)
def test_errors_keep_the_vendor_s_status_and_words(model, status, kind, dialect, stream, evenhand, gemini_vendor, monkeypatch):
    monkeypatch.setattr(gemini_vendor, "retry_after", "13")
    client = evenhand.client(dialect)
    with pytest.raises(getattr(client.errors, kind)) as caught:
        client.ask(f"gemini/{model}", [client.user("one two three")], stream=stream)
    assert caught.value.status_code == status
    # The vendor says it in its body alone.
    assert caught.value.response.headers.get("retry-after") == ("13" if status == 429 else None)
    assert ("one two three" if status != 404 else "mock-none") in str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", ["mock-cut", "mock-truncated", "mock-error-mid"])
def test_a_broken_stream_is_no_clean_end(model, dialect, evenhand):
    client = evenhand.client(dialect)
    with pytest.raises(client.errors.APIError):
        client.ask(f"gemini/{model}", [client.user("one two three")], stream=True)


FAULTS = ["mock-429", "mock-500", "mock-overloaded", "mock-truncated"]


@pytest.fixture(scope="module")
def routed(gemini_vendor, openai_vendor, tmp_path_factory):
    vendors = {"gemini": gemini_vendor, "openai": openai_vendor}
    routes = [
        {"model": f"after-{fault}", "targets": [{"model": f"gemini/{fault}"}, {"model": "openai/mock-echo"}]}
        for fault in FAULTS
    ]
    routes.append({"model": "before", "targets": [{"model": "openai/mock-500"}, {"model": "gemini/mock-echo"}]})
    text = config(*(provider(name, vendor) for name, vendor in vendors.items()), routes=routes)
    with Evenhand(tmp_path_factory.mktemp("routed"), text, secrets(vendors)) as running:
        yield running


@STREAM
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", [*(f"after-{fault}" for fault in FAULTS[:3]), "before"])
def test_a_route_leads_on(model, dialect, stream, routed):
    client = routed.client(dialect)
    assert client.ask(model, [client.user("Hi")], stream=stream).text == "user: Hi"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_has_begun_is_not_tried_elsewhere(dialect, routed):
    client = routed.client(dialect)
    with pytest.raises(client.errors.APIError):
        client.ask("after-mock-truncated", [client.user("one two")], stream=True)


def test_what_the_operator_presets_reaches_the_vendor(gemini_vendor, tmp_path):
    plugin = provider("gemini", gemini_vendor)
    plugin.config |= {
        "safety_settings": {"HARM_CATEGORY_HARASSMENT": "OFF"},
        "request": {"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}},
        "tools": [{"codeExecution": {}}],
        "embed": {"taskType": "RETRIEVAL_QUERY"},
        "earlier_models": ["mock-"],
    }
    with Evenhand(tmp_path, config(plugin), secrets({"gemini": gemini_vendor})) as running:
        client = running.client("openai")
        client.ask("gemini/mock-echo", [client.user("Hi")], max_tokens=9, reasoning_effort="none")
        body = sent(gemini_vendor)
        assert body["safetySettings"] == [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
        assert body["tools"] == [{"codeExecution": {}}]
        assert body["generationConfig"] == {
            "maxOutputTokens": 9,
            "thinkingConfig": {"thinkingBudget": 0},
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        }
        client.sdk.embeddings.create(model="gemini/mock-embed", input="a")
        assert sent(gemini_vendor)["requests"][0]["taskType"] == "RETRIEVAL_QUERY"


def test_a_configuration_that_cannot_serve_is_refused(gemini_vendor, tmp_path):
    plugin = provider("gemini", gemini_vendor)
    plugin.config |= {"safety_settings": {"HARASSMENT": "OFF"}}
    with Evenhand(tmp_path, config(plugin), secrets({"gemini": gemini_vendor})) as running:
        state = running.wait_for("a refusal", lambda status: status["plugins"][0] if status["plugins"] else None)
        assert "safety_settings.HARASSMENT" in json.dumps(state)
