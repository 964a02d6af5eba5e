"""The contract is for every language: the examples in Python, JavaScript and C, which `cargo xtask test` builds as a publisher would,
are loaded, granted and called as ours are."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import PLUGINS, Evenhand, Plugin, check, config, need
from mcp_servers import talk
from test_mcp import said

from .small_vendor import SmallVendor, lines

KEY = {"ADA": "sk-ada-0123456789"}
CALL = {"id": "x", "function": {"name": "look", "arguments": {"at": "Kiel"}}}


def example(name: str) -> Path:
    return need(PLUGINS / f"examples/{name}.wasm", "cargo xtask test")


def ollama(vendor: SmallVendor) -> Plugin:
    paths = ["GET /api/tags", "POST /api/chat", "POST /api/embed"]
    egress = [f"{method} {vendor.url}{path}" for method, path in map(str.split, paths)]
    return Plugin("ollama", example("ollama-javascript"), {"base_url": vendor.url}, {"egress": egress})


@pytest.fixture(scope="module")
def vendor() -> Iterator[SmallVendor]:
    tags = {"models": [{"name": "small:1b", "size": 1}]}
    with SmallVendor({"GET /api/tags": (200, "application/json", [lines(tags)])}) as vendor:
        yield vendor


@pytest.fixture(scope="module")
def running(vendor, tmp_path_factory) -> Iterator[Evenhand]:
    holidays = {"holidays": ["2026-12-25"]}
    plugins = [
        Plugin("workdays", example("workdays-python"), holidays),
        Plugin("iban", example("iban-c")),
        ollama(vendor),
    ]
    keys = [{"name": "ada", "secret": {"env": "ADA"}, "tools": ["*"], "models": ["*"]}]
    with Evenhand(tmp_path_factory.mktemp("languages"), config(*plugins, keys=keys), KEY) as running:
        yield running


@pytest.fixture
def call(running):
    def call(name: str, **arguments):
        return talk(f"{running.url}/mcp", lambda client: client.call_tool(name, arguments), KEY["ADA"])

    return call


@pytest.fixture
def openai(running):
    return running.client("openai", KEY["ADA"])


def test_all_serve(running):
    assert {name: one["state"] for name, one in running.plugins().items()} == dict.fromkeys(["workdays", "iban", "ollama"], "serving")


# Python


def test_working_days_are_counted(call):
    counted = call("workdays.working_days", first="2026-12-21", last="2026-12-27")
    assert not counted.is_error and counted.structured_content == {"working_days": 4}, said(counted)
    later = call("workdays.add_working_days", start="2026-12-24", days=1)
    assert later.structured_content == {"date": "2026-12-28"}


def test_what_the_model_can_correct_is_said_in_python(call):
    wrong = call("workdays.working_days", first="2026-12-27", last="2026-12-21")
    assert wrong.is_error and "`last` is before `first`" in said(wrong)
    no_date = call("workdays.working_days", first="27.12.2026", last="2026-12-21")
    assert no_date.is_error


# C


def test_account_numbers_are_checked(call):
    right = call("iban.check_iban", iban="gb29 NWBK 6016 1331 9268 19")
    assert right.structured_content == {"valid": True, "iban": "GB29NWBK60161331926819"}, said(right)
    swapped = call("iban.check_iban", iban="GB29NWBK60161331926891")
    assert not swapped.is_error and not swapped.structured_content["valid"]
    assert "check digits" in swapped.structured_content["why"]
    # Escapes, and what is no ASCII.
    assert "characters" in call("iban.check_iban", iban='DE\\"\u00fc\U0001f600\n').structured_content["why"]


# JavaScript


def chat(vendor: SmallVendor, *pieces, status: int = 200) -> None:
    vendor.answers["POST /api/chat"] = (status, "application/x-ndjson", list(pieces))


def test_models_are_listed(openai):
    assert "ollama/small:1b" in [model.id for model in openai.sdk.models.list()]


def test_an_answer_streams_through_javascript(openai, vendor):
    """The second piece comes only when the first has reached the client."""
    read = threading.Event()
    first = lines({"model": "small:1b", "message": {"role": "assistant", "content": "Grüße "}})
    rest = lines(
        {"message": {"content": "😀"}},
        {"message": {"content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3},
    )
    # A piece may end within a character.
    chat(vendor, first, lambda: read.wait(60), rest[:28], rest[28:])
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 5, "seed": 7}
    texts, usage, reason = [], None, None
    for chunk in openai.sdk.chat.completions.create(model="ollama/small:1b", messages=messages, **options):
        for choice in chunk.choices:
            texts.append(choice.delta.content or "")
            reason = choice.finish_reason or reason
        if "".join(texts):
            read.set()
        usage = chunk.usage or usage
    assert read.is_set() and "".join(texts) == "Grüße 😀" and reason == "stop"
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 3)
    asked = vendor.requests[-1]["body"]
    assert asked["messages"] == messages and asked["stream"] is True
    assert asked["options"] == {"num_predict": 5, "seed": 7}


def test_tools_are_called_through_javascript(openai, vendor):
    chat(vendor, lines({"model": "small:1b", "message": {"content": "", "tool_calls": [CALL]}}, {"done": True, "done_reason": "stop"}))
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}
    answer = openai.sdk.chat.completions.create(model="ollama/small:1b", messages=[{"role": "user", "content": "Look"}], tools=[tool])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    (called,) = choice.message.tool_calls
    assert called.function.name == "look" and called.function.arguments == '{"at":"Kiel"}'
    assert vendor.requests[-1]["body"]["tools"][0]["function"]["name"] == "look"


def test_texts_become_vectors(openai, vendor):
    said = {"model": "small:1b", "embeddings": [[0.5, -1.0], [0.25, 2.0]], "prompt_eval_count": 4}
    vendor.answers["POST /api/embed"] = (200, "application/json", [lines(said)])
    answer = openai.sdk.embeddings.create(model="ollama/small:1b", input=["a", "b"], encoding_format="float")
    assert [one.embedding for one in answer.data] == said["embeddings"] and answer.usage.prompt_tokens == 4


def test_what_breaks_off_is_an_error(openai, vendor):
    create = openai.sdk.chat.completions.create
    asked = {"model": "ollama/small:1b", "messages": [{"role": "user", "content": "Hi"}]}
    chat(vendor, lines({"model": "small:1b", "message": {"content": "a"}}))
    with pytest.raises(openai.errors.APIStatusError, match="mid-stream"):
        create(**asked)
    chat(vendor, lines({"error": "model not found"}), status=404)
    with pytest.raises(openai.errors.NotFoundError, match="model not found"):
        create(**asked)
    with pytest.raises(openai.errors.BadRequestError, match="one answer"):
        create(**asked, n=2)


def test_a_wrong_config_is_told(vendor, tmp_path):
    plugin = ollama(vendor)
    plugin.config["base-url"] = vendor.url
    checked = check(tmp_path, config(plugin, Plugin("workdays", example("workdays-python"), {"weekend": ["sunnyday"]})))
    assert checked.returncode != 0 and "base-url" in checked.stdout and "sunnyday" in checked.stdout
