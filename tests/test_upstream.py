"""The provider for OpenAI and its like: by Responses or by chat completions, and what other servers want differently."""

import httpx
import pytest
from cases import WEATHER
from harness import VERSION, Evenhand, broken_off, check, config, good, provider, secrets

STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
NAME = "openai-responses"
THINKING = {"type": "adaptive", "display": "summarized"}


@pytest.fixture(scope="module")
def odd(vendors, tmp_path_factory):
    """Servers that speak OpenAI's API, each with an oddity."""
    vendor = vendors["openai"]
    plugins = [
        provider("openai", vendor, "old", options={"max_tokens_field": "max_tokens", "native": []}),
        provider("openai", vendor, "template", options={"instructions": "first", "native": []}),
        provider(
            "openai", vendor, "narrow", options={"leave_out": ["stream_options", "parallel_tool_calls"], "native": []}
        ),
        provider("openai", vendor, "both", options={"api": "responses"}),
    ]
    with Evenhand(tmp_path_factory.mktemp("odd"), config(*plugins), secrets(vendors)) as running:
        yield running


@STREAM
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted", "mock-reasoning"])
def test_thoughts_return_to_the_vendor_as_it_gave_them(model, stream, evenhand, vendors):
    """The vendor refuses thoughts that it didn't encrypt for just this item, and any without the call that they led to."""
    client, vendor = evenhand.client("anthropic"), vendors["openai"]
    turns = [client.user("Rome today")]
    asked = client.ask(f"{NAME}/{model}", turns, tools=[WEATHER], thinking=THINKING, stream=stream)
    kinds = [block["type"] for block in asked.turn["content"]]
    assert kinds == ["redacted_thinking" if model == "mock-redacted" else "thinking", "tool_use"]
    if model != "mock-redacted":
        thought = asked.turn["content"][0]["thinking"]
        assert thought == {"mock-thinking": "They said\n\nRome today", "mock-reasoning": "They said: Rome today"}[model]
    turns += [asked.turn, *client.results([(asked.calls[0].id, "warm")])]
    told = client.ask(f"{NAME}/{model}", turns, tools=[WEATHER], thinking=THINKING, stream=stream)
    assert told.text.endswith("tool: weather = warm")
    request = vendor.last.json
    assert vendor.last.path == "/v1/responses" and request["store"] is False
    assert request["include"] == ["reasoning.encrypted_content"]
    assert [item["type"] for item in request["input"]] == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert request["input"][1].get("encrypted_content", "gAAAA").startswith("gAAAA")


@STREAM
@pytest.mark.parametrize("model", ["mock-thinking", "mock-redacted"])
@pytest.mark.parametrize("issuer, other", [(NAME, "anthropic"), ("anthropic", NAME)])
def test_thoughts_of_another_vendor_are_left_out_and_named(issuer, other, model, stream, evenhand):
    client = evenhand.client("anthropic")
    # What Anthropic's mock takes; both think.
    thinking = {"type": "enabled", "budget_tokens": 1024} if issuer == "anthropic" else THINKING
    turns = [client.user("Rome today")]
    first = client.ask(f"{issuer}/{model}", turns, thinking=thinking, stream=stream)
    assert "thinking" in first.turn["content"][0]["type"]
    turns += [first.turn, client.user("And now?")]
    given = {"model": f"{other}/mock-echo", "messages": turns, "max_tokens": 99, "stream": stream}
    raw = client.sdk.messages.with_raw_response.create(**given)
    assert "reasoning" in raw.headers["evenhand-warning"]
    told = client.ask(f"{other}/mock-echo", turns, stream=stream)
    assert told.text == f"user: Rome today\nassistant: {first.text}\nuser: And now?"


@STREAM
@pytest.mark.parametrize("model", ["mock-redacted", "mock-reasoning"])
def test_thoughts_are_no_part_of_what_a_chat_says(model, stream, evenhand):
    client = evenhand.client("openai")
    answer = client.ask(f"{NAME}/{model}", [client.user("Rome")], stream=stream)
    assert (answer.text, answer.finish) == ("user: Rome", "stop")


@STREAM
def test_a_chat_s_free_form_tool_is_one_to_the_vendor_too(stream, evenhand, vendors):
    client = evenhand.client("openai")
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}}
    tool = {"type": "custom", "custom": {"name": "patch", "format": grammar}}
    made = client.sdk.chat.completions.create(
        model=f"{NAME}/mock-tools", messages=[client.user("*** Begin")], tools=[tool], stream=stream
    )
    if stream:
        deltas = [chunk.choices[0].delta for chunk in made]
        calls = [call.function for delta in deltas for call in delta.tool_calls or []]
        said = calls[0].name, "".join(call.arguments or "" for call in calls)
    else:
        (call,) = made.choices[0].message.tool_calls
        said = call.function.name, call.function.arguments
    # Neutral calls don't say that they are free-form (decision 001, G4): the client sees a function's.
    assert said == ("patch", "*** Begin")
    format = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    assert vendors["openai"].last.json["tools"] == [{"name": "patch", "format": format, "type": "custom"}]


@STREAM
def test_what_the_api_lacks_is_named(stream, evenhand):
    create = evenhand.client("openai").sdk.chat.completions.with_raw_response.create
    asked = {"model": f"{NAME}/mock-echo", "messages": [{"role": "user", "content": "a STOP b"}], "stream": stream}
    answer = create(**asked, stop="STOP", seed=7, logit_bias={"5": 1})
    warned = answer.headers["evenhand-warning"]
    assert "sampling.stop" in warned and "sampling.seed" in warned and "logit_bias" in warned


def test_what_would_change_the_answer_is_refused(evenhand):
    client = evenhand.client("openai")
    with pytest.raises(client.errors.BadRequestError, match="one answer"):
        client.ask(f"{NAME}/mock-echo", [client.user("Hi")], n=2)
    search = {"type": "web_search_20250305", "name": "web_search"}
    anthropic = evenhand.client("anthropic")
    with pytest.raises(anthropic.errors.BadRequestError, match="web_search_20250305"):
        anthropic.sdk.messages.create(
            model=f"{NAME}/mock-echo", max_tokens=99, messages=[anthropic.user("Hi")], tools=[search]
        )


def test_a_limit_that_the_vendor_refuses_is_raised(evenhand, vendors):
    client = evenhand.client("anthropic")
    given = {"model": f"{NAME}/mock-echo", "max_tokens": 1, "messages": [client.user("Hi")]}
    raw = client.sdk.messages.with_raw_response.create(**given)
    assert "sampling.max_tokens" in raw.headers["evenhand-warning"]
    assert vendors["openai"].last.json["max_output_tokens"] == 16


def test_tokens_are_counted_by_the_vendor(evenhand, vendors):
    client = evenhand.client("anthropic")
    counted = client.sdk.messages.count_tokens(
        model=f"{NAME}/mock-echo", system="two words", messages=[client.user("and three more")]
    )
    assert counted.input_tokens == 5
    assert vendors["openai"].last.path == "/v1/responses/input_tokens"


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "model, words", [("mock-error-mid", "The server had an error"), ("mock-truncated", "mid-stream"), ("mock-cut", "")]
)
def test_a_broken_answer_never_looks_whole(dialect, model, words, evenhand):
    path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[dialect]
    body = good(dialect, f"{NAME}/{model}") | {"stream": True}
    answer = httpx.post(evenhand.url + path, json=body, headers=VERSION if dialect == "anthropic" else {}, timeout=60)
    assert answer.status_code == 200 and words in broken_off(dialect, answer.text)


@STREAM
@pytest.mark.parametrize("model, status", [("mock-429", 429), ("mock-500", 500), ("mock-nothing", 404)])
def test_a_refusal_keeps_the_vendor_s_status(model, status, stream, evenhand):
    client = evenhand.client("openai")
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask(f"{NAME}/{model}", [client.user("Hm")], stream=stream)
    assert caught.value.status_code == status


def test_who_has_both_apis_gets_chats_as_they_are(odd, vendors):
    client = odd.client("openai")
    asked = {"model": "both/mock-echo", "messages": [{"role": "user", "content": "a b"}], "seed": 7}
    assert client.sdk.chat.completions.create(**asked).choices[0].message.content == "user: a b"
    assert vendors["openai"].last.path == "/v1/chat/completions" and vendors["openai"].last.json["seed"] == 7
    anthropic = odd.client("anthropic")
    assert anthropic.ask("both/mock-echo", [anthropic.user("a b")]).text == "user: a b"
    assert vendors["openai"].last.path == "/v1/responses"


@STREAM
def test_other_servers_get_what_they_take(odd, vendors, stream):
    client, vendor = odd.client("openai"), vendors["openai"]

    def sent(plugin: str, **more) -> dict:
        turns = [
            {"role": "system", "content": "a"},
            {"role": "user", "content": "b"},
            {"role": "developer", "content": "c"},
        ]
        list(client.sdk.chat.completions.create(model=f"{plugin}/mock-echo", messages=turns, stream=stream, **more))
        return vendor.last.json

    old = sent("old", max_completion_tokens=50)
    assert old["max_tokens"] == 50 and "max_completion_tokens" not in old
    assert [turn["role"] for turn in old["messages"]] == ["system", "user", "developer"]
    first = sent("template")
    assert first["messages"] == [{"role": "system", "content": "a\n\nc"}, {"role": "user", "content": "b"}]
    clock = {"type": "function", "function": {"name": "clock"}}
    narrow = sent("narrow", parallel_tool_calls=False, tools=[clock])
    assert "parallel_tool_calls" not in narrow and "stream_options" not in narrow


@pytest.mark.parametrize(
    "options, words",
    [
        ({"api": "text"}, 'at /api: "text" is not one of'),
        ({"api": "chat", "native": ["openai-responses"]}, 'needs api = \\"responses\\"'),
        ({"leave_out": ["messages"]}, 'at /leave_out/0: "messages" is not one of'),
        ({"instructions": "last"}, 'at /instructions: "last" is not one of'),
    ],
    ids=["api", "native", "leave_out", "instructions"],
)
def test_an_option_that_is_none_is_said_at_once(options, words, tmp_path, vendors):
    text = config(provider("openai", vendors["openai"], options=options))
    checked = check(tmp_path, text, secrets(vendors))
    assert checked.returncode != 0
    assert words.replace("\\", "") in (checked.stdout + checked.stderr).replace("\\", "")
