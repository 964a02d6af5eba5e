"""The native path: a request in the vendor's own dialect arrives byte for byte, and the answer comes back so, but for what
the host must change and what it must keep to itself."""

import json
from collections.abc import Iterator

import httpx
import pytest
from openai.types.chat import ChatCompletion

from cases import WEATHER
from clients import CLIENTS, PNG
from harness import PATHS, VERSION, Evenhand, broken_off, config, provider, secrets, wait_for
from vendors import OpenAIVendor, Recorded

HEADERS = {
    "openai": {"authorization": "Bearer sk-client", "content-type": "application/json"},
    "anthropic": VERSION | {"x-api-key": "sk-client", "content-type": "application/json"},
}


def post(evenhand, dialect: str, body: bytes, headers: dict | None = None, query: str = "") -> httpx.Response:
    return httpx.post(
        f"{evenhand.url}{PATHS[dialect]}{query}", content=body, headers=HEADERS[dialect] | (headers or {}), timeout=60
    )


# Odd spacing, escapes, order and number formats are the client's affair.
ODD = {
    "openai": b'{ "temperature":1.0e0 ,\n\t"model" : "openai/mock-echo","messages":[ {"content":"caf\\u00e9 \\/ \xe2\x82\xac","role":"user"} ],'
    b'"logit_bias":{"50256":-100}, "user":"\\u0061" }\n',
    "anthropic": b'{ "max_tokens":100 ,\n\t"model" : "anthropic/mock-echo","messages":[ {"content":[{"text":"caf\\u00e9 \\/ \xe2\x82\xac",'
    b'"type":"text","cache_control":{"ttl":"1h","type":"ephemeral"}}],"role":"user"} ], "metadata":{"user_id":"\\u0061"} }\n',
}


@pytest.mark.parametrize("dialect", PATHS)
def test_the_body_arrives_byte_for_byte_but_for_the_model(dialect, evenhand, vendors):
    sent = ODD[dialect]
    answer = post(evenhand, dialect, sent)
    assert answer.status_code == 200, answer.text
    assert vendors[dialect].last.body == sent.replace(f"{dialect}/mock-echo".encode(), b"mock-echo")
    said = {
        "openai": lambda got: got["choices"][0]["message"]["content"],
        "anthropic": lambda got: got["content"][0]["text"],
    }[dialect]
    assert said(answer.json()) == "user: café / €"


@pytest.mark.parametrize("dialect", PATHS)
def test_a_large_body_arrives_whole(dialect, evenhand, vendors):
    said = "word " * 1_000_000
    body = json.dumps(
        {"model": f"{dialect}/mock-echo", "max_tokens": 5, "messages": [{"role": "user", "content": said.strip()}]}
    ).encode()
    answer = post(evenhand, dialect, body)
    assert answer.status_code == 200, answer.text[:300]
    assert vendors[dialect].last.body == body.replace(f"{dialect}/mock-echo".encode(), b"mock-echo")


@pytest.mark.parametrize("dialect", PATHS)
def test_an_unknown_field_reaches_the_vendor_which_refuses_it_in_its_own_words(dialect, evenhand, vendors):
    body = {
        "model": f"{dialect}/mock-echo",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "Hi"}],
        "field_of_2031": {"a": [1.50, None]},
    }
    answer = post(evenhand, dialect, json.dumps(body).encode())
    assert vendors[dialect].last.json["field_of_2031"] == {"a": [1.5, None]}
    assert answer.status_code == 400
    direct = httpx.post(
        f"{vendors[dialect].url}{PATHS[dialect]}",
        content=vendors[dialect].last.body,
        headers=HEADERS[dialect]
        | {"authorization": f"Bearer {vendors[dialect].key}", "x-api-key": vendors[dialect].key},
    )
    assert answer.json()["error"] == direct.json()["error"]


def test_usage_is_asked_for_and_its_chunk_hidden_from_whom_did_not_ask(evenhand, openai_vendor):
    client = evenhand.client("openai")
    turns = [client.user("one two")]
    chunks = list(client.sdk.chat.completions.create(model="openai/mock-echo", messages=turns, stream=True))
    assert openai_vendor.last.json["stream_options"] == {"include_usage": True}
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "user: one two"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_usage_options_of_the_client_are_kept(evenhand, openai_vendor):
    client = evenhand.client("openai")
    given = {"include_usage": True, "include_obfuscation": False}
    chunks = list(
        client.sdk.chat.completions.create(
            model="openai/mock-echo", messages=[client.user("Hi")], stream=True, stream_options=given
        )
    )
    assert openai_vendor.last.json["stream_options"] == given
    assert chunks[-1].usage.prompt_tokens == 1


def test_include_usage_false_is_the_client_s_word(evenhand, openai_vendor):
    client = evenhand.client("openai")
    chunks = list(
        client.sdk.chat.completions.create(
            model="openai/mock-echo", messages=[client.user("Hi")], stream=True, stream_options={"include_usage": False}
        )
    )
    assert all(chunk.choices for chunk in chunks), "a client that said no gets no usage chunk"


@pytest.mark.parametrize("dialect", PATHS)
def test_a_stream_comes_back_byte_for_byte(dialect, evenhand, vendors):
    vendor = vendors[dialect]
    body = {
        "model": f"{dialect}/mock-dribble",
        "max_tokens": 50,
        "stream": True,
        "messages": [{"role": "user", "content": "a ü 漢 🇺🇳"}],
    }
    if dialect == "openai":
        body["stream_options"] = {"include_usage": True}
    got = post(evenhand, dialect, json.dumps(body).encode())
    assert got.headers["content-type"].startswith("text/event-stream")
    direct = httpx.post(
        f"{vendor.url}{PATHS[dialect]}",
        content=vendor.last.body,
        headers=HEADERS[dialect] | {"authorization": f"Bearer {vendor.key}", "x-api-key": vendor.key},
    )

    def steady(text: str) -> list[str]:
        # Ids and times differ from request to request; comments carry nothing.
        lines = [line for line in text.splitlines() if line and not line.startswith(":")]
        return [blank_ids(line) for line in lines]

    assert steady(got.text) == steady(direct.text)


def blank_ids(line: str) -> str:
    if not line.startswith("data: {"):
        return line
    data = json.loads(line.removeprefix("data: "))
    data.pop("id", None), data.pop("created", None)
    data.get("message", {}).pop("id", None)
    return json.dumps(data)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_several_answers_with_log_probabilities(stream, evenhand, vendors):
    """Every choice with its own text and its own numbers, as the vendor gives them."""
    sdks = [
        evenhand.client("openai").sdk,
        CLIENTS["openai"](vendors["openai"].url, vendors["openai"].key).sdk,
    ]
    given = {"messages": [{"role": "user", "content": "a ü"}], "n": 2, "logprobs": True, "top_logprobs": 2}
    ours, direct = (
        choices(sdk.chat.completions.create(model=model, stream=stream, **given))
        for sdk, model in zip(sdks, ("openai/mock-echo", "mock-echo"), strict=True)
    )
    assert ours == direct
    assert set(ours) == {0, 1}
    for said, odds, finish in ours.values():
        assert (said, finish) == ("user: a ü", "stop")
        assert "".join(token["token"] for token in odds) == said
        assert all(len(token["top_logprobs"]) == 2 and token["logprob"] == -len(token["bytes"]) / 8 for token in odds)


def choices(got) -> dict[int, tuple[str, list[dict], str]]:
    """By its index: each choice's text, log probabilities and end."""
    made: dict = {}
    for piece in [got] if isinstance(got, ChatCompletion) else got:
        for choice in piece.choices:
            said, odds, finish = made.get(choice.index, ("", [], None))
            said += (choice.message if isinstance(got, ChatCompletion) else choice.delta).content or ""
            odds = odds + [token.model_dump() for token in (choice.logprobs.content if choice.logprobs else [])]
            made[choice.index] = (said, odds, choice.finish_reason or finish)
    return made


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted"])
def test_thinking_signatures_survive(model, stream, evenhand):
    client = evenhand.client("anthropic")
    thinking = {"type": "enabled", "budget_tokens": 1024}
    turns = [client.user("Rome today")]
    asked = client.ask(f"anthropic/{model}", turns, stream=stream, tools=[WEATHER], thinking=thinking)
    assert asked.turn["content"][0]["type"] in ("thinking", "redacted_thinking")
    # The vendor refuses a signature that was changed on either way.
    turns += [asked.turn, *client.results([(asked.calls[0].id, "warm")])]
    assert client.ask(f"anthropic/{model}", turns, stream=stream, tools=[WEATHER], thinking=thinking).text.endswith(
        "weather = warm"
    )


def test_a_thought_that_shows_only_its_signature_survives(evenhand):
    client = evenhand.client("anthropic")
    thinking = {"type": "adaptive", "display": "omitted"}
    first = client.ask("anthropic/mock-thinking", [client.user("Hi")], stream=True, thinking=thinking)
    thought = first.turn["content"][0]
    assert thought["thinking"] == "" and thought["signature"]
    turns = [client.user("Hi"), first.turn, client.user("Again")]
    assert client.ask("anthropic/mock-thinking", turns, thinking=thinking).text.endswith("user: Again")


def test_response_headers_of_the_vendor_are_kept(evenhand, vendors):
    names = {
        "openai": ("x-request-id", "openai-processing-ms", "x-ratelimit-remaining-requests"),
        "anthropic": ("request-id", "anthropic-ratelimit-requests-remaining"),
    }
    for dialect, kept in names.items():
        body = {"model": f"{dialect}/mock-echo", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
        answer = post(evenhand, dialect, json.dumps(body).encode())
        assert answer.headers[kept[0]] == vendors[dialect].last.request_id
        assert all(name in answer.headers for name in kept)


class LooseVendor(OpenAIVendor):
    """A server that speaks the API, but says no last word and much of its own affairs."""

    def answer_headers(self, recorded: Recorded) -> dict[str, str]:
        affairs = {"location": f"{self.url}/v1/chat/completions?key={self.key}", "set-cookie": "session=1"}
        return super().answer_headers(recorded) | affairs

    async def stream(self, request, model, frames, error):
        assert frames[-1].data == b"data: [DONE]\n\n"
        return await super().stream(request, model, frames[:-1], error)


@pytest.fixture(scope="module")
def loose(tmp_path_factory) -> Iterator[Evenhand]:
    with LooseVendor("sk-loose-vendor-secret") as vendor:
        vendors = {"openai": vendor}
        text = config(provider("openai", vendor, name="loose"))
        with Evenhand(tmp_path_factory.mktemp("loose"), text, secrets(vendors)) as running:
            yield running


def test_a_vendor_s_own_affairs_are_kept_from_clients(loose):
    body = {"model": "loose/mock-echo", "messages": [{"role": "user", "content": "Hi"}]}
    for fault in ({}, {"model": "loose/mock-429"}):
        answer = post(loose, "openai", json.dumps(body | fault).encode())
        assert answer.headers["openai-version"]
        assert "sk-loose" not in repr(answer.headers) and "location" not in answer.headers
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("n", [1, 3])
def test_a_stream_without_a_last_word_is_whole_when_all_its_answers_are(n, loose):
    given = {"model": "loose/mock-parallel-tools", "n": n, "stream": True}
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("a", "b")]
    said = loose.client("openai").sdk.chat.completions.create(
        messages=[{"role": "user", "content": "Hi"}], tools=tools, **given
    )
    # The SDK raises where an error stands in the stream.
    assert sorted(reason for _, _, reason in choices(said).values()) == ["tool_calls"] * n


@pytest.mark.parametrize("model", ["mock-cut", "mock-truncated"])
def test_and_is_not_whole_when_they_are_not(model, loose):
    body = {"model": f"loose/{model}", "stream": True, "messages": [{"role": "user", "content": "one two"}]}
    broken_off("openai", post(loose, "openai", json.dumps(body).encode()).text)


CLIENT_SECRETS = {
    "authorization": "Bearer sk-client-secret-1",
    "x-api-key": "sk-client-secret-2",
    "x-goog-api-key": "sk-client-secret-3",
    "cookie": "session=sk-client-secret-4",
    "proxy-authorization": "Basic sk-client-secret-5",
    "x-forwarded-for": "203.0.113.9",
    "forwarded": "for=203.0.113.9",
    "x-real-ip": "203.0.113.9",
    # Who pays.
    "openai-organization": "org-of-client",
    "openai-project": "proj-of-client",
    "anthropic-workspace-id": "wrkspc-of-client",
}


@pytest.mark.parametrize("provider", PATHS)
@pytest.mark.parametrize("dialect", PATHS)
def test_what_belongs_to_the_client_never_reaches_the_vendor(dialect, provider, evenhand, vendors):
    body = {"model": f"{provider}/mock-echo", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    answer = post(
        evenhand,
        dialect,
        json.dumps(body).encode(),
        CLIENT_SECRETS,
        "?key=sk-client-secret-6&api_key=sk-client-secret-7",
    )
    assert answer.status_code == 200, answer.text
    got = vendors[provider].last
    everything = "\n".join([got.query, *(f"{name}: {value}" for name, value in got.headers.items())])
    assert not any(theirs in everything for theirs in ("sk-client", "203.0.113.9", "of-client"))
    own = {
        "openai": ("authorization", f"Bearer {vendors[provider].key}"),
        "anthropic": ("x-api-key", vendors[provider].key),
    }[provider]
    assert got.headers.getall(own[0]) == [own[1]]
    assert got.headers["accept-encoding"] == "identity"


def test_the_vendor_s_secret_never_reaches_client_or_log(evenhand, vendors):
    for dialect in PATHS:
        for model in ("mock-echo", "mock-500", "nothing"):
            body = {"model": f"{dialect}/{model}", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
            answer = post(evenhand, dialect, json.dumps(body).encode())
            assert vendors[dialect].key not in answer.text + repr(answer.headers)
    assert not any(vendor.key in evenhand.log() for vendor in vendors.values())


def test_anthropic_headers_of_the_client_reach_the_vendor(evenhand, anthropic_vendor):
    body = json.dumps(
        {"model": "anthropic/mock-echo", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    ).encode()
    given = {"anthropic-version": "2023-06-01", "anthropic-beta": "context-1m-2025-08-07"}
    assert post(evenhand, "anthropic", body, given).status_code == 200
    assert {name: anthropic_vendor.last.headers[name] for name in given} == given


def test_a_picture_survives_untouched(evenhand, anthropic_vendor):
    client = evenhand.client("anthropic")
    turn = client.user("Look", PNG)
    client.ask("anthropic/mock-echo", [turn])
    assert anthropic_vendor.last.json["messages"] == [turn]


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("provider", PATHS)
def test_a_client_that_goes_away_closes_the_connection_to_the_vendor(dialect, provider, evenhand, vendors):
    vendor = vendors[provider]
    vendor.close_gate()
    body = {"model": f"{provider}/mock-gate", "max_tokens": 50, "stream": True}
    body["messages"] = [{"role": "user", "content": "one two"}]
    url = f"{evenhand.url}{PATHS[dialect]}"
    with httpx.stream("POST", url, json=body, headers=HEADERS[dialect], timeout=30) as answer:
        # Held in a variable: an iterator that is dropped closes the connection.
        pieces = answer.iter_text()
        assert any("user:" in text for text in pieces)
        held = vendor.last
        assert not held.dropped
    wait_for("the vendor to see the connection close", lambda: held.dropped)
