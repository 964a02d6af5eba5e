"""Vendors' wire formats: how each reads a request, and the bytes of its answers. What a vendor sends fits its SDK's types
(`test_wires.py`), and what it is asked passes the strict rules of `vendors`."""

from . import anthropic, bedrock, chat, gemini, responses

# By the name of the plugin that speaks to them.
WIRES = {"openai": chat, "openai-responses": responses, "anthropic": anthropic, "bedrock": bedrock, "gemini": gemini}

__all__ = ["WIRES"]
