"""Fixtures that all tests share. Each worker has its own vendors and its own Evenhand."""

from collections.abc import Iterator

import pytest

from harness import Evenhand, config, plugins_for, provider, responses, secrets
from vendors import AnthropicVendor, BedrockVendor, GeminiVendor, OpenAIVendor

pytest_plugins = ["fidelity.matrix"]

OPENAI_KEY = "sk-vendor-openai-secret"
ANTHROPIC_KEY = "sk-ant-vendor-anthropic-secret"
BEDROCK_KEY = "AKIAVENDORBEDROCK:vendor-bedrock-secret-access-key"
GEMINI_KEY = "AIza-vendor-gemini-secret"


@pytest.fixture(scope="session")
def openai_vendor() -> Iterator[OpenAIVendor]:
    with OpenAIVendor(OPENAI_KEY) as vendor:
        yield vendor


@pytest.fixture(scope="session")
def anthropic_vendor() -> Iterator[AnthropicVendor]:
    with AnthropicVendor(ANTHROPIC_KEY) as vendor:
        yield vendor


@pytest.fixture(scope="session")
def bedrock_vendor() -> Iterator[BedrockVendor]:
    with BedrockVendor(BEDROCK_KEY) as vendor:
        yield vendor


@pytest.fixture(scope="session")
def gemini_vendor() -> Iterator[GeminiVendor]:
    with GeminiVendor(GEMINI_KEY) as vendor:
        yield vendor


@pytest.fixture(scope="session")
def vendors(openai_vendor: OpenAIVendor, anthropic_vendor: AnthropicVendor) -> dict:
    """The vendors by dialect."""
    return {"openai": openai_vendor, "anthropic": anthropic_vendor}


@pytest.fixture(scope="session")
def providers(vendors: dict, bedrock_vendor: BedrockVendor, gemini_vendor: GeminiVendor) -> dict:
    """The vendors by the name of the plugin that speaks to them: those above, and those whose API is no client dialect."""
    return vendors | {"openai-responses": vendors["openai"], "bedrock": bedrock_vendor, "gemini": gemini_vendor}


@pytest.fixture(scope="module")
def own_vendors() -> Iterator[dict]:
    """Vendors of one file alone, whose tests open and close their gates."""
    with OpenAIVendor("sk-openai-secret-of-tests") as openai, AnthropicVendor("sk-anthropic-secret-of-tests") as anthropic:
        yield {"openai": openai, "anthropic": anthropic}


@pytest.fixture(scope="session")
def evenhand(vendors: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evenhand]:
    """An Evenhand before both vendors, without keys. Tests don't change its configuration."""
    text = config(*plugins_for(vendors), responses(vendors["openai"]))
    with Evenhand(tmp_path_factory.mktemp("evenhand"), text, secrets(vendors)) as running:
        yield running


@pytest.fixture(scope="session")
def evenhand_with_all(providers: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evenhand]:
    """The same before all providers."""
    text = config(*plugins_for(providers), responses(providers["openai"]))
    with Evenhand(tmp_path_factory.mktemp("all"), text, secrets(providers)) as running:
        yield running
