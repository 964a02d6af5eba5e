"""Starts the built binary with a configuration of the test's and talks to it as clients and operators do."""

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
from vendors import Vendor

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("EVENHAND_BIN", ROOT / "target/release/evenhand"))
PLUGINS = Path(os.environ.get("EVENHAND_PLUGINS", ROOT / "target/plugins"))
MODELS = Path.home() / ".cache/evenhand/models"

# Compiling components for the first time takes seconds each, more where other workers do it at the same time.
START = 90.0
CHANGE = 30.0

T = TypeVar("T")


def need(path: Path, build: str) -> Path:
    """A file that must have been built."""
    if not path.exists():
        pytest.fail(f"{path} is not there: run `{build}`", pytrace=False)
    return path


def wasm(name: str) -> Path:
    """A built component."""
    return need(PLUGINS / f"{name}.wasm", "cargo xtask plugins")


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
    dialect: str, vendor: Vendor | str, name: str | None = None, source: Path | str | None = None, **limits: Any
) -> Plugin:
    """The plugin for a mock vendor. Its credential is in the environment variable that `secrets` sets."""
    origin = vendor if isinstance(vendor, str) else vendor.url
    attach = {"openai": "bearer", "anthropic": {"header": "x-api-key"}}[dialect]
    return Plugin(
        name=name or dialect,
        source=source or wasm(dialect),
        config={"base_url": {"openai": f"{origin}/v1", "anthropic": origin}[dialect]},
        grant={
            "egress": [f"POST {origin}/*", f"GET {origin}/*"],
            "secrets": {"api_key": {"env": secret(dialect), "as": attach, "to": [origin]}},
        },
        limits=limits,
    )


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
) -> str:
    """The text of a configuration file; ports are the system's choice."""
    tables = [
        ("[server]", {"listen": "127.0.0.1:0"} | (server or {})),
        ("[admin]", {"listen": "127.0.0.1:0"} | (admin or {})),
    ]
    tables += [("[[route]]", route) for route in routes] + [("[[key]]", key) for key in keys]
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
        """Replaces the configuration, as editors do: a new file under the old name."""
        part = self.file.with_suffix(".part")
        part.write_text(text)
        part.replace(self.file)

    def __enter__(self) -> "Evenhand":
        need(BINARY, "cargo build --release -p evenhand")
        command = [str(BINARY), "serve", "--config", str(self.file)]
        self.process = subprocess.Popen(
            command,
            env=self.env,
            cwd=self.file.parent,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
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

    def client(self, dialect: str, key: str = "sk-client", **options: Any) -> OpenAIClient | AnthropicClient:
        """An official SDK that points here."""
        return CLIENTS[dialect](self.url, key, **options)

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
