"""Each client dialect with each provider, whole and streamed: what the client's SDK says reaches the vendor, what the
vendor says reaches the client."""

import math

import pytest

from cases import CASES, WEATHER, Setting, image_by_url, stop_sequences
from clients import CLIENTS
from harness import ALL_CLIENTS, Evenhand
from vendors.bedrock_api import ACCOUNT, COHERE, TITAN

DIALECTS = list(ALL_CLIENTS)
PROVIDERS = ["openai", "anthropic", "openai-responses", "bedrock", "gemini"]
# What that vendor lists beside the mock models under their own names.
ALSO_BEDROCK = [TITAN, COHERE, "us.anthropic.mock-echo-v1:0", f"{ACCOUNT}:application-inference-profile/mock-echo"]
# What a vendor lacks: Bedrock fetches no addresses (see test_bedrock.py), Responses has no stop sequences (test_upstream.py).
LACKING = [(image_by_url, "bedrock"), (stop_sequences, "openai-responses")]
PAIRS = [
    (case, dialect, provider)
    for case in CASES
    for dialect in DIALECTS
    for provider in PROVIDERS
    if (case, provider) not in LACKING and (case, dialect) not in LACKING
]


@pytest.fixture(scope="module")
def evenhand(evenhand_with_all: Evenhand) -> Evenhand:
    return evenhand_with_all


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case, dialect, provider", PAIRS, ids=lambda value: getattr(value, "__name__", value))
def test_pair(case, dialect, provider, stream, evenhand, providers):
    before = len(providers[provider].requests)
    case(Setting(evenhand.client(dialect), provider, stream, prefix=f"{provider}/"))
    asked = [r for r in providers[provider].requests[before:] if r.method == "POST"]
    assert asked and all(request.status == 200 for request in asked)
    assert all(providers[provider].streams(request) == stream for request in asked)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("choice", ["none", "required", "clock"])
def test_tool_choice(choice, dialect, provider, evenhand):
    client = evenhand.client(dialect)
    clock = WEATHER | {"name": "clock"}
    given = {
        "openai": {"clock": {"type": "function", "function": {"name": "clock"}}}.get(choice, choice),
        "anthropic": {
            "none": {"type": "none"},
            "required": {"type": "any"},
            "clock": {"type": "tool", "name": "clock"},
        }[choice],
        "openai-responses": {"clock": {"type": "function", "name": "clock"}}.get(choice, choice),
    }[dialect]
    answer = client.ask(f"{provider}/mock-echo", [client.user("Bern")], tools=[WEATHER, clock], tool_choice=given)
    assert [call.name for call in answer.calls] == {"none": [], "required": ["weather"], "clock": ["clock"]}[choice]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "dialect, provider",
    [(dialect, provider) for provider in PROVIDERS for dialect in DIALECTS if dialect != provider],
)
def test_a_tool_s_name_that_the_vendor_refuses_is_restored(dialect, provider, stream, evenhand):
    client = evenhand.client(dialect)
    tool = WEATHER | {"name": "a.name-with.dots/and_" + "length" * 12}
    turns = [client.user("Kyiv")]
    asked = client.ask(f"{provider}/mock-tools", turns, tools=[tool], stream=stream)
    assert [call.name for call in asked.calls] == [tool["name"]]
    turns += [asked.turn, *client.results([(asked.calls[0].id, "mild")])]
    assert client.ask(f"{provider}/mock-tools", turns, tools=[tool], stream=stream).text.endswith("= mild")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_sampling_settings_reach_the_vendor(provider, evenhand, providers):
    client = evenhand.client("openai")
    client.ask(f"{provider}/mock-echo", [client.user("Hi")], temperature=0.25)
    sent = providers[provider].last.json
    settings = sent.get("inferenceConfig") or sent.get("generationConfig") or sent
    assert settings["temperature"] == 0.25


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider, seeds", [(provider, provider in ("openai", "gemini")) for provider in PROVIDERS])
def test_headers_tell_who_answered_and_what_was_not_honoured(provider, seeds, stream, evenhand):
    create = evenhand.client("openai").sdk.chat.completions.with_raw_response.create
    given = {"model": f"{provider}/mock-echo", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    plain, seeded = create(**given), create(**given, seed=7)
    assert plain.headers["evenhand-target"] == seeded.headers["evenhand-target"] == f"{provider}/mock-echo"
    assert "evenhand-warning" not in plain.headers
    assert seeds == ("evenhand-warning" not in seeded.headers)
    assert seeds or "seed" in seeded.headers["evenhand-warning"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_thoughts_of_one_vendor_do_not_break_a_conversation_with_another(stream, evenhand, vendors):
    """Evenhand itself sealed them, and the vendor refuses what it has not signed; though it is asked in its own dialect."""
    client = evenhand.client("anthropic")
    turns = [client.user("Rome today")]
    first = client.ask("openai/mock-reasoning", turns, stream=stream)
    thought = first.turn["content"][0]
    assert (thought["type"], thought["thinking"]) == ("thinking", "They said: Rome today")
    turns += [first.turn, client.user("And now?")]
    second = client.ask("anthropic/mock-echo", turns, stream=stream)
    assert second.text == f"user: Rome today\nassistant: {first.text}\nuser: And now?"
    assert "thinking" not in vendors["anthropic"].last.body.decode()
    raw = client.sdk.messages.with_raw_response.create(model="anthropic/mock-echo", messages=turns, max_tokens=99)
    assert "reasoning" in raw.headers["evenhand-warning"]


@pytest.mark.parametrize("client_format", ["float", "base64"])
def test_embeddings(client_format, evenhand, vendors):
    sdk = evenhand.client("openai").sdk
    texts = ["to be or not", "to be", "unlike"]
    got = sdk.embeddings.create(model="openai/mock-embed", input=texts, encoding_format=client_format, dimensions=16)
    assert (got.usage.prompt_tokens, got.usage.total_tokens) == (7, 7)
    direct = CLIENTS["openai"](vendors["openai"].url, vendors["openai"].key).sdk
    wanted = direct.embeddings.create(model="mock-embed", input=texts, encoding_format=client_format, dimensions=16)
    assert [item.index for item in got.data] == [0, 1, 2]
    assert [item.embedding for item in got.data] == [item.embedding for item in wanted.data]


def test_embeddings_as_the_sdk_asks_by_default(evenhand):
    sdk = evenhand.client("openai").sdk
    one = sdk.embeddings.create(model="openai/mock-embed", input="a b")
    tokens = sdk.embeddings.create(model="openai/mock-embed", input=[[1, 2], [3]])
    assert math.hypot(*one.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert len(tokens.data) == 2 and tokens.usage.prompt_tokens == 3


def test_a_provider_without_embeddings_says_so(evenhand):
    client = evenhand.client("openai")
    with pytest.raises(client.errors.BadRequestError, match="embed") as caught:
        client.sdk.embeddings.create(model="anthropic/mock-embed", input="a")
    assert caught.value.code == "unsupported"


def test_count_tokens(evenhand):
    client = evenhand.client("anthropic")
    counted = client.sdk.messages.count_tokens(
        model="anthropic/mock-echo", system="two words", messages=[client.user("and three more")]
    )
    assert counted.input_tokens == 5


def test_models_are_listed_in_both_shapes(evenhand, vendors):
    openai = {model.id: model for model in evenhand.client("openai").sdk.models.list()}
    anthropic = {model.id: model for model in evenhand.client("anthropic").sdk.models.list()}
    direct = CLIENTS["openai"](vendors["openai"].url, vendors["openai"].key).sdk
    wanted = {f"{provider}/{model.id}" for provider in PROVIDERS for model in direct.models.list()}
    wanted |= {f"bedrock/{model}" for model in ALSO_BEDROCK}
    assert set(openai) == set(anthropic) == wanted
    assert openai["openai/mock-echo"].owned_by == "mock-openai"
    assert anthropic["anthropic/mock-echo"].display_name == "Mock Echo"
    assert anthropic["anthropic/mock-echo"].max_input_tokens == 200_000


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_model_is_found_though_its_name_has_a_slash(dialect, provider, evenhand):
    client = evenhand.client(dialect)
    # Both SDKs send the slash as %2F.
    assert client.sdk.models.retrieve(f"{provider}/mock-echo").id == f"{provider}/mock-echo"
    path = {"anthropic": "/v1/models/{}"}.get(dialect, "/models/{}")
    assert client.sdk.get(path.format(f"{provider}/mock-echo"), cast_to=object)["id"] == f"{provider}/mock-echo"
    with pytest.raises(client.errors.NotFoundError):
        client.sdk.models.retrieve(f"{provider}/mock-ekko")
