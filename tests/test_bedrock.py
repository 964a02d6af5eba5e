"""Through Evenhand to Amazon Bedrock: what only this vendor has. Each request's signature is checked by the mock."""

import base64
import math
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from cases import WEATHER
from clients import CLIENTS
from harness import PATHS, VERSION, Evenhand, Plugin, broken_off, check, config, good, in_shape, provider, secrets
from vendors import BedrockVendor
from vendors.bedrock_api import ACCOUNT, COHERE, TITAN

DIALECTS = list(CLIENTS)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
DIALECT = pytest.mark.parametrize("dialect", DIALECTS)


@pytest.fixture(scope="module")
def evenhand(evenhand_with_all: Evenhand) -> Evenhand:
    return evenhand_with_all


ARNS = [
    f"{ACCOUNT}:inference-profile/us.anthropic.mock-echo-v1:0",
    f"{ACCOUNT}:application-inference-profile/mock-echo",
]


@pytest.fixture(scope="module")
def profiles(bedrock_vendor, tmp_path_factory) -> Iterator[Evenhand]:
    """A rule that ends in `*` takes no encoded `/`: ARNs need rules of their own."""
    plugin = provider("bedrock", bedrock_vendor)
    plugin.config["models"] = ARNS
    plugin.grant["egress"] = [
        f"POST {bedrock_vendor.url}/model/{quote(arn, safe='')}/{operation}"
        for arn in ARNS
        for operation in ("converse", "converse-stream")
    ]
    folder = tmp_path_factory.mktemp("profiles")
    with Evenhand(folder, config(plugin), secrets({"bedrock": bedrock_vendor})) as running:
        yield running


@STREAM
@DIALECT
@pytest.mark.parametrize("arn", ARNS)
def test_arns_with_slashes(arn, dialect, stream, profiles):
    client = profiles.client(dialect)
    assert client.ask(f"bedrock/{arn}", [client.user("Hi")], stream=stream).text == "user: Hi"


@STREAM
@DIALECT
@pytest.mark.parametrize("model", ["anthropic.mock-echo-v1:0", "us.anthropic.mock-echo-v1:0"])
def test_ids_with_colons(model, dialect, stream, evenhand):
    client = evenhand.client(dialect)
    answer = client.ask(f"bedrock/{model}", [client.user("Hi")], stream=stream)
    assert answer.text == "user: Hi" and answer.id


@STREAM
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted"])
def test_thoughts_go_and_come_unchanged(model, stream, evenhand):
    """The vendor signed them and refuses others."""
    client = evenhand.client("anthropic")
    turns = [client.user("Rome today")]
    given = {"stream": stream, "tools": [WEATHER], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    asked = client.ask(f"bedrock/{model}", turns, **given)
    kinds = [block["type"] for block in asked.turn["content"]]
    assert kinds == ["thinking" if model == "mock-thinking" else "redacted_thinking", "tool_use"]
    turns += [asked.turn, *client.results([(asked.calls[0].id, "warm")])]
    assert client.ask(f"bedrock/{model}", turns, **given).text.endswith("weather = warm")
    if model == "mock-thinking":
        # As clients of the newest models send it: the signature alone.
        asked.turn["content"][0]["thinking"] = ""
        assert client.ask(f"bedrock/{model}", turns, **given).text.endswith("weather = warm")


@STREAM
def test_thoughts_of_another_vendor_are_left_out(stream, evenhand, bedrock_vendor):
    client = evenhand.client("anthropic")
    turns = [client.user("Rome today")]
    first = client.ask("openai/mock-reasoning", turns, stream=stream)
    turns += [first.turn, client.user("And now?")]
    second = client.ask("bedrock/mock-echo", turns, stream=stream)
    assert second.text == f"user: Rome today\nassistant: {first.text}\nuser: And now?"
    assert "reasoningContent" not in bedrock_vendor.last.body.decode()


def test_cache_marks_become_elements_of_their_own(evenhand, bedrock_vendor):
    client = evenhand.client("anthropic")
    hour, default = {"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral"}
    tool = {"name": "clock", "input_schema": {"type": "object", "properties": {}}, "cache_control": default}
    use = {"type": "tool_use", "id": "t1", "name": "clock", "input": {}}
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "four", "cache_control": default}]},
        {"role": "assistant", "content": [use]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "noon", "cache_control": hour},
                {"type": "text", "text": "Well?"},
            ],
        },
    ]
    got = client.sdk.messages.create(
        model="bedrock/mock-cached-usage",
        max_tokens=99,
        system=[{"type": "text", "text": "one two", "cache_control": hour}],
        tools=[tool],
        messages=turns,
    )
    sent, long, short = bedrock_vendor.last.json, {"type": "default", "ttl": "1h"}, {"type": "default"}
    assert sent["system"][1] == {"cachePoint": long}
    assert sent["toolConfig"]["tools"][1] == {"cachePoint": short}
    assert sent["messages"][0]["content"][1] == {"cachePoint": short}
    assert [list(block)[0] for block in sent["messages"][2]["content"]] == ["toolResult", "cachePoint", "text"]
    assert sent["messages"][2]["content"][1] == {"cachePoint": long}
    usage = got.usage
    assert usage.cache_read_input_tokens == 2
    written = usage.cache_creation
    assert written.ephemeral_1h_input_tokens + written.ephemeral_5m_input_tokens == usage.cache_creation_input_tokens
    assert written.ephemeral_1h_input_tokens == usage.cache_creation_input_tokens // 2 > 0


@STREAM
@DIALECT
def test_a_history_of_calls_without_tools(dialect, stream, evenhand, bedrock_vendor):
    client = evenhand.client(dialect)
    turns = [client.user("Rome today")]
    asked = client.ask("bedrock/mock-tools", turns, stream=stream, tools=[WEATHER])
    turns += [asked.turn, *client.results([(asked.calls[0].id, "warm")])]
    assert client.ask("bedrock/mock-echo", turns, stream=stream).text.endswith("weather = warm")
    (tool,) = bedrock_vendor.last.json["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "weather"


def test_betas_move_into_the_body_and_unknown_ones_are_named(evenhand, bedrock_vendor):
    client = evenhand.client("anthropic")
    betas = {"betas": ["claude-code-20250219", "interleaved-thinking-2025-05-14"]}
    raw = client.sdk.messages.with_raw_response.create(
        model="bedrock/mock-echo", max_tokens=9, messages=[client.user("Hi")], extra_body=betas
    )
    extra = bedrock_vendor.last.json["additionalModelRequestFields"]
    assert extra["anthropic_beta"] == ["interleaved-thinking-2025-05-14"]
    assert "claude-code-20250219" in raw.headers["evenhand-warning"]
    assert "anthropic-beta" not in bedrock_vendor.last.headers


@STREAM
def test_an_effort_reaches_the_model(stream, evenhand, bedrock_vendor):
    client = evenhand.client("openai")
    client.ask("bedrock/mock-echo", [client.user("Hi")], stream=stream, reasoning_effort="high")
    sent = bedrock_vendor.last.json
    assert sent["outputConfig"] == {"effort": "high"}
    assert sent["additionalModelRequestFields"]["thinking"] == {"type": "adaptive"}


@STREAM
def test_which_of_several_stop_texts_it_was(stream, evenhand):
    client = evenhand.client("anthropic")
    for stop in (["STOP"], ["HALT", "STOP"]):
        answer = client.ask("bedrock/mock-echo", [client.user("alpha STOP HALT")], stream=stream, stop=stop)
        assert (answer.finish, answer.stopped_by) == ("stop_sequence", "STOP")


@DIALECT
def test_an_address_of_an_image_is_refused(dialect, evenhand):
    client = evenhand.client(dialect)
    with pytest.raises(client.errors.BadRequestError, match="send the bytes"):
        client.ask("bedrock/mock-echo", [client.user("And this?", "https://pictures.example/cat.png")])


def test_a_document_has_a_name_and_words_beside_it(evenhand, bedrock_vendor):
    client = evenhand.client("anthropic")
    data = base64.b64encode(b"%PDF-1.7 x").decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    turn = {"role": "user", "content": [{"type": "document", "source": source, "title": "a/b.pdf"}]}
    raw = client.sdk.messages.with_raw_response.create(model="bedrock/mock-echo", max_tokens=9, messages=[turn])
    document, text = bedrock_vendor.last.json["messages"][0]["content"]
    assert document["document"] == {"format": "pdf", "name": "a b pdf", "source": {"bytes": data}}
    assert "messages.file" in raw.headers["evenhand-warning"] and text["text"]


@pytest.mark.parametrize("given", [{}, {"encoding_format": "float"}], ids=["default", "float"])
@pytest.mark.parametrize("model", [TITAN, COHERE])
def test_embeddings(model, given, evenhand):
    sdk = evenhand.client("openai").sdk
    texts = ["to be or not", "to be", "unlike"]
    got = sdk.embeddings.create(model=f"bedrock/{model}", input=texts, **given)
    wanted = sdk.embeddings.create(model="openai/mock-embed", input=texts, **given)
    for one, other in zip(got.data, wanted.data, strict=True):
        assert one.index == other.index and one.embedding == pytest.approx(other.embedding, abs=1e-7)
    assert got.usage.prompt_tokens == 7
    assert math.hypot(*got.data[0].embedding) == pytest.approx(1, abs=1e-5)


def test_shorter_embeddings_where_the_model_can(evenhand):
    client = evenhand.client("openai")
    create = client.sdk.embeddings.create
    assert len(create(model=f"bedrock/{TITAN}", input="a", dimensions=16).data[0].embedding) == 16
    with pytest.raises(client.errors.BadRequestError, match="one length"):
        create(model=f"bedrock/{COHERE}", input="a", dimensions=16)
    with pytest.raises(client.errors.BadRequestError, match="send the texts"):
        create(model=f"bedrock/{TITAN}", input=[[1, 2]])


@pytest.mark.parametrize("model", ["mock-echo", "us.anthropic.mock-echo-v1:0"])
def test_count_tokens(model, evenhand):
    client = evenhand.client("anthropic")
    counted = client.sdk.messages.count_tokens(
        model=f"bedrock/{model}", system="two words", messages=[client.user("and three more")]
    )
    assert counted.input_tokens == 5


@STREAM
@DIALECT
@pytest.mark.parametrize(
    "model, status", [("mock-429", 429), ("mock-500", 500), ("mock-overloaded", 529), ("mock-nothing", 404)]
)
def test_errors_before_the_first_byte(model, status, dialect, stream, evenhand, bedrock_vendor):
    client = evenhand.client(dialect)
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask(f"bedrock/{model}", [client.user("one two three")], stream=stream)
    # A client of Anthropic's knows overload by 529 only.
    assert caught.value.status_code == (503 if (status, dialect) == (529, "openai") else status)
    assert "one two three" in in_shape(dialect, caught.value.response) or status == 404
    if status == 429:
        assert caught.value.response.headers["retry-after"] == bedrock_vendor.retry_after


@DIALECT
@pytest.mark.parametrize("model", ["mock-cut", "mock-truncated", "mock-error-mid"])
def test_a_stream_that_breaks_is_never_clean(model, dialect, evenhand):
    body = good(dialect, f"bedrock/{model}") | {"stream": True}
    with httpx.stream("POST", f"{evenhand.url}{PATHS[dialect]}", json=body, headers=VERSION, timeout=30) as answer:
        assert answer.status_code == 200
        text = b"".join(answer.iter_bytes()).decode()
    message = broken_off(dialect, text)
    assert "user:" in text
    if model == "mock-error-mid":
        assert "The model failed" in message


@DIALECT
def test_a_whole_answer_that_breaks_is_an_error(dialect, evenhand):
    client = evenhand.client(dialect)
    with pytest.raises(client.errors.APIError):
        client.ask("bedrock/mock-cut", [client.user("one two three")])


def test_a_session_token_and_settings_of_the_operator(tmp_path):
    with BedrockVendor("AKIAOTHER:another-secret-access-key:a-session-token-of-length") as vendor:
        plugin = provider("bedrock", vendor)
        plugin.config |= {
            "models": ["mock-echo"],
            "latency": "standard",
            "guardrail": {"id": "abc", "version": "DRAFT", "stream": "async"},
            "additional_model_request_fields": {"top_k": 5},
        }
        with Evenhand(tmp_path, config(plugin), secrets({"bedrock": vendor})) as running:
            client = running.client("openai")
            assert client.ask("bedrock/mock-echo", [client.user("Hi")], stream=True).text == "user: Hi"
            assert [model.id for model in client.sdk.models.list()] == ["bedrock/mock-echo"]
            sent = vendor.last.json
            assert not any(request.method == "GET" for request in vendor.requests)
    assert sent["guardrailConfig"]["streamProcessingMode"] == "async"
    assert sent["performanceConfig"] == {"latency": "standard"}
    assert sent["additionalModelRequestFields"] == {"top_k": 5}


@DIALECT
def test_a_credential_that_the_vendor_refuses(dialect, bedrock_vendor, tmp_path):
    env = {"EVENHAND_TEST_BEDROCK_KEY": "AKIAVENDORBEDROCK:a-revoked-secret-key"}
    with Evenhand(tmp_path, config(provider("bedrock", bedrock_vendor)), env) as running:
        client = running.client(dialect)
        with pytest.raises(client.errors.PermissionDeniedError, match="signature") as caught:
            client.ask("bedrock/mock-echo", [client.user("Hi")])
        assert "revoked" not in in_shape(dialect, caught.value.response) + running.log()


def test_a_config_that_can_t_be_served_with_is_told(bedrock_vendor, tmp_path):
    whole = provider("bedrock", bedrock_vendor)
    nowhere = Plugin(whole.name, whole.source, {"family": "anthropic"}, whole.grant)
    checked = check(tmp_path, config(nowhere), secrets({"bedrock": bedrock_vendor}))
    assert checked.returncode != 0 and "`region`" in checked.stdout
