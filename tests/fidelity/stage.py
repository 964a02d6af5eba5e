"""Evenhand between a client and the scripted vendor."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import httpx

from fidelity.clients import CLIENTS
from fidelity.scripted import BASES, Reply, Scripted, json_bytes
from fidelity.wires import WIRES
from fidelity.words import Answer, Ask, Got, Seen, answer
from harness import Evenhand, Plugin, config, provider

# Plugins by name, and what is special about each. Where a provider speaks a client's dialect itself, bytes pass as they are;
# the second of such a plugin translates all the same.
PLUGINS: dict[str, tuple[str, dict]] = {
    "openai": ("openai", {"api": "chat"}),
    "openai-translated": ("openai", {"api": "chat", "native": []}),
    "openai-responses": ("openai", {"api": "responses", "native": ["openai-responses"]}),
    "openai-responses-translated": ("openai", {"api": "responses", "native": []}),
    "anthropic": ("anthropic", {}),
    "bedrock": ("bedrock", {"models": [WIRES["bedrock"].MODEL], "family": "other"}),
    "gemini": ("gemini", {}),
}


# What may be a seal of ours, which no vendor gets to see in a native request.
SEALED = "evenhand.user"
# Two clients, and the environment variables with their keys, which are `sk-client` and `sk-other`.
KEYS = {"client": "FIDELITY_CLIENT", "other": "FIDELITY_OTHER"}


def plugins(vendor: Scripted) -> list[Plugin]:
    built = []
    for name, (kind, options) in PLUGINS.items():
        base = {"base_url": vendor.url + BASES[name.removesuffix("-translated")]}
        built.append(provider(kind, vendor, name, options=base | options))
    return built


def configuration(vendor: Scripted) -> str:
    keys = [{"name": name, "secret": {"env": KEYS[name]}, "models": ["*"]} for name in KEYS]
    return config(*plugins(vendor), keys=keys)


def nulls(value: Any, where: str = "") -> list[str]:
    """Where a null is."""
    if value is None:
        return [where]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for name, one in inner for found in nulls(one, f"{where}.{name}")]


@dataclass
class Pair:
    """One client's dialect and one provider, streamed or not."""

    evenhand: Evenhand
    vendor: Scripted
    http: httpx.Client
    dialect: str
    provider: str
    stream: bool
    translated: bool = False
    """What would be native is translated all the same."""
    key: str = "sk-client"

    @property
    def client(self) -> ModuleType:
        return CLIENTS[self.dialect]

    @property
    def wire(self) -> ModuleType:
        return WIRES[self.provider]

    @property
    def native(self) -> bool:
        """Bytes pass as they are."""
        return self.client.NATIVE == self.provider and not self.translated

    @property
    def model(self) -> str:
        translates = self.translated and self.provider != "anthropic"
        return f"{self.provider}{'-translated' if translates else ''}/{self.wire.MODEL}"

    def ask(self, ask: Ask, said: Answer | None = None) -> tuple[Seen, Got]:
        """Asks, answers, reads; both must go well."""
        said = said or answer("Hello.")
        frames = self.wire.stream(said) if self.stream else [json_bytes(self.wire.whole(said))]
        got = self.send(ask, self.reply(b"".join(frames)))
        seen = self.seen()
        assert got.status == 200, f"{got.status}: {got.raw.decode()}\nthe vendor's rules: {self.vendor.faults}"
        self.client.read(got, self.stream)
        # What was sealed for a client is opened, natively or not.
        if self.native and "evenhand." not in str(self.client.write(ask, "", False)):
            self._untouched(ask, seen, got, frames)
        return seen, got

    def reply(self, body: bytes, **more: Any) -> Reply:
        """What the vendor sends for a request of this kind."""
        return Reply(body, self.wire.STREAM_TYPE if self.stream else "application/json", **more)

    def send(self, ask: Ask, *replies: Reply) -> Got:
        """Asks; the vendor answers each request that comes with the next of these."""
        self.vendor.replies.clear()
        self.vendor.replies.extend(replies)
        self.vendor.requests.clear()
        self.vendor.faults.clear()
        body = self.client.write(ask, self.model, self.stream)
        if self.translated and self.provider == "anthropic":
            # Its plugin has no switch; but what may hold seals of ours is translated.
            body["metadata"] = {"user_id": SEALED}
        headers = {"authorization": f"Bearer {self.key}"} | getattr(self.client, "HEADERS", {}) | ask.headers
        answered = self.http.post(self.evenhand.url + self.client.PATH + ask.query, json=body, headers=headers)
        got = Got(answered.status_code, dict(answered.headers), answered.content)
        if answered.headers.get("content-type", "").startswith("application/json"):
            got.body = answered.json()
        return got

    def failed(self, got: Got) -> dict:
        """The error that the client reads."""
        return self.client.failed(got, self.stream)

    def refused(self, ask: Ask, *names: str) -> str:
        """The vendor is not asked at all: 400, in words that name these."""
        got = self.send(ask)
        assert got.status == 400, f"{got.status}: {got.raw.decode()}"
        assert not self.asked()
        message = self.client.failed(got, False)["message"]
        for name in names:
            assert name in message, message
        return message

    def asked(self) -> list:
        """The requests for an answer that came to the vendor."""
        return [request for request in self.vendor.requests if request.method == "POST"]

    def seen(self) -> Seen:
        """The newest of them."""
        request = self.asked()[-1]
        assert not self.vendor.faults, self.vendor.faults
        assert self.wire.streams(request.path, request.json) == self.stream
        assert self.native or not nulls(request.json), "what is absent is left out: vendors refuse null"
        return self.wire.seen(request.json, {name.lower(): value for name, value in request.headers.items()})

    def _untouched(self, ask: Ask, seen: Seen, got: Got, frames: list[bytes]) -> None:
        """A native pair's bytes: only the model's name differs."""
        sent = self.client.write(ask, self.wire.MODEL, self.stream)
        assert seen.body == sent
        assert got.raw == b"".join(frames)
