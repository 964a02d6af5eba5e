"""The configurations that come with Evenhand are right: the default, and the documentation's example."""

import re
from pathlib import Path

import pytest

from harness import CHAT_MODEL, EMBED_MODEL, MODELS, PLUGINS, ROOT, Evenhand, check, need
from vendors import AnthropicVendor, GeminiVendor, OpenAIVendor

LOCAL = {f"local/{CHAT_MODEL}", f"local/{EMBED_MODEL}"}
PORT = re.compile(r"127\.0\.0\.1:\d+(?=\"\n)")

# Both compile all of their plugins twice.
pytestmark = pytest.mark.timeout(300)


def shipped(path: str, replaced: dict[str, str | Path]) -> str:
    """A file's text, changed where a test must: every piece to replace must be there."""
    need(MODELS, "cargo xtask models")
    need(PLUGINS, "cargo xtask plugins")
    text = (ROOT / path).read_text()
    for old, new in replaced.items():
        assert old in text, f"{path} has no {old}"
        text = text.replace(old, str(new))
    return text


def everything(running: Evenhand, **client) -> set[str]:
    return {model.id for model in running.client("openai", **client).sdk.models.list()}


def test_the_default(tmp_path):
    places = {"../target/plugins": PLUGINS, "../target/evenhand.db": tmp_path / "evenhand.db"}
    text = shipped("plugins/default.toml", places)
    checked = check(tmp_path, text)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # Its ports may be taken.
    moved = text.replace("[admin]", '[server]\nlisten = "127.0.0.1:0"\n[admin]\nlisten = "127.0.0.1:0"')
    with Evenhand(tmp_path, moved) as running:
        assert everything(running) == LOCAL


def test_the_example(tmp_path):
    (tmp_path / "plugins").symlink_to(PLUGINS)
    for name in ("lab", "team-b"):
        (tmp_path / name).write_text(f"sk-{name}-secret-of-tests\n")
    (tmp_path / "aws").write_text("AKIAOFTESTS:a-secret-access-key-of-tests\n")
    env = {
        "EVENHAND_ADMIN_TOKEN": "sk-admin",
        "OPENAI_API_KEY": "sk-openai-secret-of-tests",
        "ANTHROPIC_API_KEY": "sk-anthropic-secret-of-tests",
        "GEMINI_API_KEY": "sk-gemini-secret-of-tests",
        # Nobody listens there: a database of tools need not be up.
        "CRM_URL": "postgres://tools:secret@127.0.0.1:9/crm",
        "TEAM_A_KEY": "sk-team-a",
    }
    with (
        OpenAIVendor("sk-openai-secret-of-tests") as openai,
        AnthropicVendor("sk-anthropic-secret-of-tests") as anthropic,
        GeminiVendor("sk-gemini-secret-of-tests") as gemini,
        OpenAIVendor("sk-lab-secret-of-tests") as lab,
    ):
        text = shipped(
            "docs/evenhand.example.toml",
            {
                "https://api.openai.com": openai.url,
                "https://api.anthropic.com": anthropic.url,
                "https://generativelanguage.googleapis.com": gemini.url,
                "http://10.0.0.7:8000": lab.url,
                "/run/secrets": tmp_path,
            },
        )
        named = set(re.findall(r'^[^#\n]*env = "(\w+)"', text, re.MULTILINE))
        assert named == set(env), "the variables that its first lines name"
        checked = check(tmp_path, text, env)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "11 plugins, 2 routes, 2 keys" in checked.stdout
        with Evenhand(tmp_path, PORT.sub("127.0.0.1:0", text), env) as running:
            listed = everything(running, key="sk-team-a")
            assert {"smart", "openai/mock-echo"} <= listed
            assert all(model in ("smart", "agent/accounts") or model.startswith("openai/") for model in listed)
            assert everything(running, key="sk-team-b-secret-of-tests") == {"small"}
            for vendor in (openai, anthropic, gemini, lab):
                assert [request.status for request in vendor.requests] == [200] * len(vendor.requests) != []
