"""The coding agents that people use every day, each through a whole tool loop with models of its own vendor's wire and of others'. The
model is scripted (see `vendors.brain`); the agent really runs what it asks for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import Ran, claude, codex
from harness import Evenhand, config, provider, responses, secrets
from tap import Tap
from vendors import Recorded, script

PROVIDERS = ["openai", "anthropic", "openai-responses", "bedrock"]
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
    assert tap.exchanges and not refused, "\n".join(refused)
