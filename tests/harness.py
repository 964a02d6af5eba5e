"""Starts the built binary with a configuration of the test's and talks to it as clients and operators do."""

import hashlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from clients import CLIENTS, AnthropicClient, OpenAIClient
from responses_client import ResponsesClient
from vendors import Vendor

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("EVENHAND_BIN", ROOT / "target/release/evenhand"))
PLUGINS = Path(os.environ.get("EVENHAND_PLUGINS", ROOT / "target/plugins"))
INSTALLED = next((ROOT / "target/node").glob("*/complete"), ROOT / "target/node/none/complete").parent
NODE = Path(os.environ.get("EVENHAND_NODE", INSTALLED))
MODELS = Path.home() / ".cache/evenhand/models"

# Compiling components for the first time takes seconds each, more where other workers do it at the same time.
START = 90.0
CHANGE = 30.0

T = TypeVar("T")

# Those that most tests need, and Responses.
ALL_CLIENTS = CLIENTS | {"openai-responses": ResponsesClient}

# What each dialect's clients call, and the header field that tells the dialects apart where paths coincide.
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
VERSION = {"anthropic-version": "2026-10-21"}


def need(path: Path, build: str) -> Path:
    """A file that must have been built."""
    if not path.exists():
        pytest.fail(f"{path} is not there: run `{build}`", pytrace=False)
    return path


def wasm(name: str) -> Path:
    """A built component."""
    return need(PLUGINS / f"{name}.wasm", "cargo xtask plugins")


def node(*patterns: str) -> Path:
    """A file of what `cargo xtask test` installs by tests/node, the first that is like one of the patterns."""
    found = [path for pattern in patterns for path in NODE.glob(pattern)]
    return need(found[0] if found else NODE / patterns[0], "cargo xtask test")


def wait_for(what: str, probe: Callable[[], T], deadline: float = CHANGE) -> T:
    """Asks again and again until the answer is true; fails at the deadline, naming what was waited for and the last answer."""
    end = time.monotonic() + deadline
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline} s for {what}; last: {got!r}")
        # A pause between two looks, so that the looking doesn't slow down what is looked at.
        threading.Event().wait(0.02)


def digest(data: bytes) -> str:
    """What the control plane calls a component."""
    return hashlib.sha256(data).hexdigest()


def replace(file: Path, data: bytes) -> None:
    """A new file under the old name, as editors and deployments do."""
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)


def toml(value: Any) -> str:
    """A value in TOML; objects are inline tables."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value)


@dataclass
class Plugin:
    """An entry `[[plugin]]`."""

    name: str
    source: Path | str
    config: dict = field(default_factory=dict)
    grant: dict = field(default_factory=dict)
    limits: dict = field(default_factory=dict)

    def toml(self) -> str:
        lines = ["[[plugin]]", f"name = {toml(self.name)}", f"source = {toml(self.source)}"]
        for name in ("config", "grant", "limits"):
            if value := getattr(self, name):
                lines.append(f"{name} = {toml(value)}")
        return "\n".join(lines)


def provider(
    dialect: str,
    vendor: Vendor | str,
    name: str | None = None,
    source: Path | str | None = None,
    options: dict | None = None,
    **limits: Any,
) -> Plugin:
    """The plugin for a mock vendor. Its credential is in the environment variable that `secrets` sets; `options` are what
    else stands under `config`."""
    origin = vendor if isinstance(vendor, str) else vendor.url
    signed = {"aws-sigv4": {"region": "us-east-1", "service": "bedrock"}}
    attach = {
        "openai": "bearer",
        "anthropic": {"header": "x-api-key"},
        "bedrock": signed,
        "gemini": {"header": "x-goog-api-key"},
    }[dialect]
    # The mock models of Bedrock's are Claude's, though their ids don't say it.
    bedrock = {"base_url": origin, "control_url": origin, "family": "anthropic"}
    configs = {
        "openai": {"base_url": f"{origin}/v1"},
        "anthropic": {"base_url": origin},
        "bedrock": bedrock,
        "gemini": {"base_url": f"{origin}/v1beta"},
    }
    return Plugin(
        name=name or dialect,
        source=source or wasm(dialect),
        config=configs[dialect] | (options or {}),
        grant={
            "egress": [f"POST {origin}/*", f"GET {origin}/*"],
            "secrets": {"api_key": {"env": secret(dialect), "as": attach, "to": [origin]}},
        },
        limits=limits,
    )


def responses(vendor: Vendor | str, name: str = "openai-responses", **options: Any) -> Plugin:
    """The plugin for OpenAI that asks by Responses, whatever the client speaks: chats are translated too."""
    return provider("openai", vendor, name, options={"api": "responses", "native": ["openai-responses"]} | options)


def plugins_for(vendors: dict[str, Vendor]) -> list[Plugin]:
    """The plugin for each mock vendor, under its own name."""
    return [provider(name, vendor) for name, vendor in vendors.items() if name != "openai-responses"]


def secret(dialect: str) -> str:
    """The environment variable with a vendor's credential."""
    return f"EVENHAND_TEST_{dialect.upper()}_KEY"


def secrets(vendors: dict[str, Vendor]) -> dict[str, str]:
    """The environment that `provider` needs."""
    return {secret(dialect): vendor.key for dialect, vendor in vendors.items()}


CHAT_MODEL, EMBED_MODEL = "smollm2-135m-instruct", "all-minilm-l6-v2"
MODEL_FILES = {
    "chat": f"{CHAT_MODEL}.q4_1.gguf",
    "embed": f"{EMBED_MODEL}.safetensors",
    "embed-tokenizer": f"{EMBED_MODEL}.tokenizer.json",
    "embed-config": f"{EMBED_MODEL}.config.json",
}


def local() -> list[Plugin]:
    """The default: models on the CPU, in a sandbox."""
    weights = {name: need(MODELS / file, "cargo xtask models") for name, file in MODEL_FILES.items()}
    models = [
        {"kind": "gguf", "name": CHAT_MODEL, "weights": "chat"},
        {
            "kind": "bert",
            "name": EMBED_MODEL,
            "weights": "embed",
            "tokenizer": "embed-tokenizer",
            "config": "embed-config",
        },
    ]
    cpu = Plugin("cpu", wasm("cpu"), {"models": models}, {"weights": weights, "keep": True}, {"memory": "2GiB"})
    return [cpu, Plugin("local", wasm("local"), grant={"accelerators": ["cpu"]})]


def config(
    *plugins: Plugin,
    keys: list[dict] = (),
    routes: list[dict] = (),
    server: dict | None = None,
    admin: dict | None = None,
    audit: dict | None = None,
    store: dict | None = None,
    agents: list[dict] = (),
    prices: list[dict] = (),
) -> str:
    """The text of a configuration file; ports are the system's choice."""
    tables = [
        ("[server]", {"listen": "127.0.0.1:0"} | (server or {})),
        ("[admin]", {"listen": "127.0.0.1:0"} | (admin or {})),
    ]
    tables += [(f"[{name}]", table) for name, table in (("audit", audit), ("store", store)) if table is not None]
    tables += [("[[route]]", route) for route in routes] + [("[[key]]", key) for key in keys]
    tables += [("[[agent]]", agent) for agent in agents] + [("[[price]]", price) for price in prices]
    text = [f"{head}\n" + "\n".join(f"{name} = {toml(value)}" for name, value in body.items()) for head, body in tables]
    return "\n\n".join(text + [plugin.toml() for plugin in plugins]) + "\n"


class Evenhand:
    """A running Evenhand. Use it with `with`: it is killed at the end of the block."""

    def __init__(self, folder: Path, text: str, env: dict[str, str] | None = None):
        self.file = folder / "evenhand.toml"
        self.env = os.environ | {"RUST_LOG": os.environ.get("RUST_LOG", "info")} | (env or {})
        self.lines: list[str] = []
        self.write(text)

    def write(self, text: str) -> None:
        """Replaces the configuration."""
        replace(self.file, text.encode())

    def command(self) -> list[str]:
        """What is started."""
        return [str(need(BINARY, "cargo build --release -p evenhand")), "serve", "--config", str(self.file)]

    def spawn(self) -> None:
        """Starts it; who uses `with` also waits until it listens."""
        self.process = subprocess.Popen(
            self.command(),
            env=self.env,
            cwd=self.file.parent,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Evenhand":
        self.lines.clear()
        self.spawn()
        try:
            self.url = self._address("listening on")
            self.admin = self._address("admin on")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _address(self, words: str) -> str:
        def probe() -> str | None:
            found = re.search(rf"{words} (http://[\w.:\[\]]+)", self.log())
            assert found or self.process.poll() is None, f"evenhand ended with {self.process.returncode}:\n{self.log()}"
            return found[1] if found else None

        return wait_for(f"{words!r} on stdout", probe, START)

    def log(self) -> str:
        """Everything that it printed."""
        return "\n".join(self.lines)

    def client(self, dialect: str, key: str = "sk-client", **options: Any) -> OpenAIClient | AnthropicClient | ResponsesClient:
        """An official SDK that points here."""
        return ALL_CLIENTS[dialect](self.url, key, **options)

    def status(self) -> dict:
        """`GET /admin/v1/plugins`."""
        return httpx.get(f"{self.admin}/admin/v1/plugins").raise_for_status().json()

    def plugins(self) -> dict[str, dict]:
        """The same, by name."""
        return {plugin["name"]: plugin for plugin in self.status()["plugins"]}

    def wait_for(self, what: str, probe: Callable[[dict], Any]) -> Any:
        """Waits until `GET /admin/v1/plugins` is as wanted."""
        return wait_for(what, lambda: probe(self.status()))


def check(folder: Path, text: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """`evenhand check` of a configuration."""
    file = folder / "checked.toml"
    file.write_text(text)
    need(BINARY, "cargo build --release -p evenhand")
    return subprocess.run(
        [str(BINARY), "check", str(file)],
        env=os.environ | (env or {}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=START,
    )


def good(dialect: str, model: str) -> dict:
    """A request that nobody has a reason to refuse."""
    body = {"model": model, "messages": [{"role": "user", "content": "one two three"}]}
    return body if dialect == "openai" else body | {"max_tokens": 100}


def in_shape(dialect: str, answer: httpx.Response) -> str:
    """The message of an error, whose shape must be the dialect's."""
    body = answer.json()
    if dialect == "openai":
        assert set(body) == {"error"} and isinstance(body["error"]["type"], str)
        assert {"message", "type", "param", "code"} <= set(body["error"])
    else:
        assert body["type"] == "error" and set(body) >= {"type", "error"} and isinstance(body["error"]["type"], str)
    return body["error"]["message"]


def named(answer: httpx.Response) -> str:
    """The plugin at fault, as a header names it; the dialects' error bodies have no place for it."""
    return answer.headers["evenhand-plugin"]


def sse(text: str) -> list[tuple[str | None, str]]:
    """The events of a stream: name and data."""
    events = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = [line.split(":", 1) for line in block.split("\n") if line and not line.startswith(":")]
        data = "\n".join(value.removeprefix(" ") for name, value in fields if name == "data")
        if fields:
            events.append((next((value.strip() for name, value in fields if name == "event"), None), data))
    return events


def broken_off(dialect: str, text: str) -> str:
    """The message of the error that ends a stream, which must not end cleanly too."""
    name, data = sse(text)[-1]
    last = json.loads(data)
    assert last["error"]["message"] and last["error"]["type"]
    assert "[DONE]" not in text and "message_stop" not in text and "message_delta" not in text
    if dialect == "anthropic":
        assert (name, last["type"]) == ("error", "error")
    return last["error"]["message"]


def held_stream(running: Evenhand, dialect: str, model: str, vendor: Vendor) -> tuple[threading.Thread, dict]:
    """A stream that has begun and waits at the vendor's gate; what came of it is in the second part."""
    outcome: dict = {}
    begun = threading.Event()
    client = running.client(dialect)

    def read() -> None:
        try:
            given = {"model": model, "messages": [client.user("one two three four")], "stream": True}
            if dialect == "openai":
                text = ""
                for chunk in client.sdk.chat.completions.create(**given):
                    text += chunk.choices[0].delta.content or ""
                    outcome["finish"] = chunk.choices[0].finish_reason
                    if text:
                        begun.set()
            else:
                text = ""
                for event in client.sdk.messages.create(**given, max_tokens=99):
                    if event.type == "content_block_delta":
                        text += event.delta.text
                        begun.set()
                    outcome["finish"] = event.type
            outcome["text"] = text
        except Exception as error:  # the test looks at it
            outcome["error"] = error
            begun.set()

    vendor.close_gate()
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert begun.wait(30), "the stream did not begin"
    return thread, outcome


def finish(thread: threading.Thread, outcome: dict, vendor: Vendor, dialect: str) -> None:
    """Opens the gate; the stream must end as if nothing had been."""
    vendor.open_gate()
    thread.join(30)
    assert outcome == {
        "text": "user: one two three four",
        "finish": {"openai": "stop", "anthropic": "message_stop"}[dialect],
    }
