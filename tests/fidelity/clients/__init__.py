"""Clients of each dialect: what they send, and how they read what comes. Every answer must fit the SDK's own types, and every
stream its dialect's grammar."""

from . import chat, messages, responses

CLIENTS = {"chat": chat, "responses": responses, "messages": messages}

__all__ = ["CLIENTS"]
