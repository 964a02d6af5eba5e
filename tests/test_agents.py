"""The coding agents that people use every day, each through a whole tool loop with models of its own vendor's wire and of others'. The
model is scripted (see `vendors.brain`); the agent really runs what it asks for."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import Ran, claude, codex
from clients import PNG
from harness import Evenhand, config, provider, responses, secrets
from tap import Tap
from vendors import Recorded, script

PROVIDERS = ["openai", "anthropic", "openai-responses", "bedrock", "gemini"]
# Codex tells the models that it knows by their names.
ROUTES = [{"model": "gpt-5.5", "targets": [{"model": "anthropic/mock-script"}]}]
THOUGHT = "I should look around first."


@pytest.fixture(scope="module")
def evenhand(providers: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evenhand]:
    plugins = [provider(name, vendor) for name, vendor in providers.items() if name != "openai-responses"]
    text = config(*plugins, responses(providers["openai"]), routes=ROUTES)
    with Evenhand(tmp_path_factory.mktemp("agents"), text, secrets(providers)) as running:
        yield running


@pytest.fixture
def tap(evenhand: Evenhand) -> Iterator[Tap]:
    with Tap(evenhand.url) as tap:
        yield tap


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the agent works."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def asked(providers: dict):
    """What a vendor was asked since the test began, model lists aside."""
    before = {name: len(vendor.requests) for name, vendor in providers.items()}

    def asked(name: str) -> list[Recorded]:
        return [request for request in providers[name].requests[before[name] :] if request.method == "POST"]

    return asked


def all_well(tap: Tap) -> None:
    """Nothing that the agent asked was refused: it may try again with less, and then nobody sees what was lost."""
    refused = [str(exchange) for exchange in tap.exchanges if exchange.method == "POST" and exchange.status != 200]
    assert refused == [] and len(tap.exchanges) > 1


# A patch, in the words of Codex's own tool.
PATCH = """*** Begin Patch
*** Add File: notes.txt
+"quoted" and\ttabbed
*** End Patch
"""
# With the server's name before it, it is longer than what most vendors take.
LONG_NAME = "add_two_numbers_" + "of_a_long_name_" * 3
SUMS = [str(Path(__file__).with_name("mcp_server.py")), LONG_NAME]
# What a thought goes back in, where the API of the vendor shows thoughts at all.
THOUGHTS = {
    "anthropic": '"signature":',
    "bedrock": '"signature":',
    "openai-responses": '"encrypted_content":',
    "gemini": '"thoughtSignature":',
}


def loop(run: str, argument: str, write: dict) -> str:
    """Three turns: a thought and a command that writes a file; another command beside another call; the end."""
    look = {"call": run, "with": {argument: "printf seven > seen.txt && cat seen.txt"}}
    again = {"call": run, "with": {argument: "cat seen.txt seen.txt"}}
    return script([{"think": THOUGHT}, {"say": "Looking."}, look], [again, write], [{"say": "Finished: {result}"}])


def looped(requests: list[Recorded], provider: str) -> None:
    """The vendor was asked three times; what came of the tools came back, and so did what it had thought."""
    assert [request.status for request in requests] == [200, 200, 200]
    last = requests[-1].body.decode()
    assert "Looking." in last and "sevenseven" in last
    if provider in THOUGHTS:
        assert [THOUGHTS[provider] in request.body.decode() for request in requests] == [False, True, True]


def items(ran: Ran) -> list[dict]:
    """What Codex reported as done."""
    return [event["item"] for event in ran.events if event["type"] == "item.completed"]


def names(request: Recorded) -> list[str]:
    """What a vendor was told that the tools are called."""
    body = request.json
    if "contents" in body:
        return [tool["name"] for group in body["tools"] for tool in group.get("functionDeclarations", [])]
    tools = body.get("toolConfig", body)["tools"]
    return [tool.get("toolSpec", tool.get("function", tool)).get("name", "") for tool in tools]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_claude_code_works(provider, tap, folder, asked):
    write = {"call": "Write", "with": {"file_path": str(folder / "made.txt"), "content": "1\n2\n"}}
    ran = claude(tap.url, folder, f"{provider}/mock-script", loop("Bash", "command", write))
    assert (folder / "seen.txt").read_text() == "seven" and (folder / "made.txt").read_text() == "1\n2\n"
    assert ran.text.startswith("Finished: Write = File created successfully")
    all_well(tap)
    looped(asked(provider), provider)


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "anthropic"])
def test_claude_code_finds_a_tool_of_a_name_too_long_for_the_vendor(provider, tap, folder, asked):
    name = f"mcp__sums__{LONG_NAME}"
    find = {"call": "ToolSearch", "with": {"query": f"select:{name}"}}
    add = {"call": "mcp__sums__*", "with": {"a": 2, "b": 3}}
    servers = {"mcpServers": {"sums": {"command": sys.executable, "args": SUMS}}}
    told = script([find], [add], [{"say": "{result}"}])
    more = ["--mcp-config", json.dumps(servers), "--strict-mcp-config"]
    ran = claude(tap.url, folder, f"{provider}/mock-script", told, *more)
    assert ran.text.endswith(" = The sum is 5.")
    all_well(tap)
    first, found, _ = asked(provider)
    (short,) = set(names(found)) - set(names(first))
    assert len(short) == 64 and short != name and short.startswith("mcp__sums__add_two_numbers_")
    calls = [block for event in ran.events if event["type"] == "assistant" for block in event["message"]["content"]]
    assert [block["name"] for block in calls if block["type"] == "tool_use"] == ["ToolSearch", name]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_image_that_claude_code_reads_is_seen(provider, tap, folder, asked):
    (folder / "dot.png").write_bytes(PNG)
    told = script([{"call": "Read", "with": {"file_path": str(folder / "dot.png")}}], [{"say": "Seen."}])
    assert claude(tap.url, folder, f"{provider}/mock-script", told).text == "Seen."
    all_well(tap)
    assert base64.b64encode(PNG).decode() in asked(provider)[-1].body.decode()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_image_that_codex_views_is_seen(provider, tap, folder, asked):
    (folder / "dot.png").write_bytes(PNG)
    told = script([{"call": "view_image", "with": {"path": "dot.png"}}], [{"say": "Seen."}])
    assert codex(tap.url, folder, f"{provider}/mock-script", told, web_search="disabled").text == "Seen."
    all_well(tap)
    assert base64.b64encode(PNG).decode() in asked(provider)[-1].body.decode()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_codex_works(provider, tap, folder, asked):
    # Who has no search of the web refuses the one that Codex offers unless it is told not to.
    search = "live" if provider in ("anthropic", "openai-responses") else "disabled"
    write = {"call": "exec_command", "with": {"cmd": "echo 1 > made.txt && echo made"}}
    told = loop("exec_command", "cmd", write)
    ran = codex(tap.url, folder, f"{provider}/mock-script", told, web_search=search, model_reasoning_effort="high")
    assert (folder / "seen.txt").read_text() == "seven" and (folder / "made.txt").read_text() == "1\n"
    assert ran.text.startswith("Finished: exec_command = ") and ran.text.endswith("made\n")
    all_well(tap)
    looped(asked(provider), provider)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_codex_calls_a_tool_of_a_namespace(provider, tap, folder, asked):
    told = script([{"call": "*add_two*", "with": {"a": 2, "b": 3}}], [{"say": "{result}"}])
    servers = {"sums": {"command": sys.executable, "args": SUMS}}
    ran = codex(tap.url, folder, f"{provider}/mock-script", told, web_search="disabled", mcp_servers=servers)
    assert ran.text.endswith("The sum is 5.")
    all_well(tap)
    (call,) = [item for item in items(ran) if item["type"] == "mcp_tool_call"]
    assert (call["server"], call["tool"], call["status"]) == ("sums", LONG_NAME, "completed")
    assert all(len(name) <= 64 for name in names(asked(provider)[0]))


def test_codex_patches_and_searches_with_a_model_of_another_vendor_s(tap, folder, asked):
    """A model that Codex knows by name gets a tool whose input is text, and one that searches for tools."""
    find = {"call": "tool_search", "with": {"query": "add two numbers"}}
    add = {"call": "*add_two*", "with": {"a": 2, "b": 3}}
    told = script([{"call": "apply_patch", "with": {"input": PATCH}}, find], [add], [{"say": "{result}"}])
    servers = {"sums": {"command": sys.executable, "args": SUMS}}
    ran = codex(tap.url, folder, "gpt-5.5", told, mcp_servers=servers)
    assert (folder / "notes.txt").read_text() == '"quoted" and\ttabbed\n'
    assert ran.text.endswith("The sum is 5.")
    all_well(tap)
    first, found, _ = asked("anthropic")
    assert len(set(names(found)) - set(names(first))) == 1


def test_an_agent_tells_why_its_vendor_failed(tap, folder):
    broken_off = codex(tap.url, folder, "anthropic/mock-error-mid", "Hello", web_search="disabled")
    assert broken_off.failed and "anthropic: Overloaded: req_" in broken_off.text
    failed = claude(tap.url, folder, "openai/mock-500", "Hello")
    assert failed.failed and "openai: The server had an error while processing your request" in failed.text
