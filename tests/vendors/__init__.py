"""Mock vendors: strict servers on loopback that speak a vendor's API, refuse what it refuses, and answer from the
request. `vendors.brain` lists the models and what each does."""

from .anthropic_api import AnthropicVendor
from .bedrock_api import BedrockVendor
from .brain import script
from .gemini_api import GeminiVendor
from .openai_api import OpenAIVendor
from .server import Recorded, Vendor

__all__ = ["AnthropicVendor", "BedrockVendor", "GeminiVendor", "OpenAIVendor", "Recorded", "Vendor", "script"]
