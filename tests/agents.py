"""The coding agents that people use every day, told to talk to Evenhand. Each run has a home and a folder of its own, and nothing to
call but what it is told to."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import node, toml

# Starting one takes a second or two, far more where all cores are busy.
RUN = 100.0
CLAUDE = "node_modules/@anthropic-ai/claude-code-*/claude"
CODEX = "node_modules/@openai/codex-*/vendor/*/bin/codex"


@dataclass
class Ran:
    """What came of a run."""

    text: str
    """What the agent told its user at last."""
    events: list[dict]
    """What it reported meanwhile."""
    failed: bool = False
    """The text is why."""


def claude(url: str, folder: Path, model: str, prompt: str, *more: str) -> Ran:
    """`claude -p` in a folder."""
    env = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "sk-client-of-claude-code",
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "0",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
    }
    command = [node(CLAUDE), "-p", prompt, "--output-format", "stream-json", "--verbose"]
    events = _run(folder, [*command, "--allowedTools", "Bash,Read,Write,mcp__sums", *more], env)
    result = events[-1]
    assert result["type"] == "result", result
    return Ran(result["result"], events, result["is_error"])


def codex(url: str, folder: Path, model: str, prompt: str, **settings: object) -> Ran:
    """`codex exec` in a folder."""
    provider = {
        "name": "Evenhand",
        "base_url": f"{url}/v1",
        "wire_api": "responses",
        "env_key": "EVENHAND_KEY",
        "request_max_retries": 0,
        "stream_max_retries": 0,
    }
    wanted = {
        "model": model,
        "model_provider": "evenhand",
        "model_providers": {"evenhand": provider},
        "check_for_update_on_startup": False,
        "analytics": {"enabled": False},
        "features": {"plugins": False},
    } | settings
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text("\n".join(f"{name} = {toml(value)}" for name, value in wanted.items()))
    command = [node(CODEX), "exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    events = _run(folder, [*command, prompt], {"CODEX_HOME": str(home), "EVENHAND_KEY": "sk-client-of-codex"})
    if events[-1]["type"] == "turn.failed":
        return Ran(events[-1]["error"]["message"], events, failed=True)
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    return Ran([item["text"] for item in items if item["type"] == "agent_message"][-1], events)


# Whatever else they would like to reach is not there: nobody listens at that port.
CLOSED = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}


def _run(folder: Path, command: list[str | Path], env: dict[str, str]) -> list[dict]:
    """The JSON lines that a command prints."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    ran = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)} | CLOSED | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN,
    )
    events = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert events, f"{command[0]} ended with {ran.returncode}:\n{ran.stdout}\n{ran.stderr}"
    return events
