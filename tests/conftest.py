"""Fixtures that all tests share. Each worker has its own vendors and its own Evenhand."""

from collections.abc import Iterator

import pytest

from harness import Evenhand, config, provider, secrets
from vendors import AnthropicVendor, GeminiVendor, OpenAIVendor

OPENAI_KEY = "sk-vendor-openai-secret"
ANTHROPIC_KEY = "sk-ant-vendor-anthropic-secret"
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
def gemini_vendor() -> Iterator[GeminiVendor]:
    with GeminiVendor(GEMINI_KEY) as vendor:
        yield vendor


@pytest.fixture(scope="session")
def vendors(openai_vendor: OpenAIVendor, anthropic_vendor: AnthropicVendor, gemini_vendor: GeminiVendor) -> dict:
    """The vendors by dialect."""
    return {"openai": openai_vendor, "anthropic": anthropic_vendor, "gemini": gemini_vendor}


@pytest.fixture(scope="module")
def own_vendors() -> Iterator[dict]:
    """Vendors of one file alone, whose tests open and close their gates."""
    with OpenAIVendor("sk-openai-secret-of-tests") as openai, AnthropicVendor("sk-anthropic-secret-of-tests") as anthropic:
        yield {"openai": openai, "anthropic": anthropic}


@pytest.fixture(scope="session")
def evenhand(vendors: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evenhand]:
    """An Evenhand before all vendors, without keys. Tests don't change its configuration."""
    text = config(*(provider(dialect, vendor) for dialect, vendor in vendors.items()))
    with Evenhand(tmp_path_factory.mktemp("evenhand"), text, secrets(vendors)) as running:
        yield running
