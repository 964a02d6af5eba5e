"""Answers in the shapes of OpenAI's Responses API: the items, the object around them, and the events of a stream."""

import itertools
import time
from collections.abc import Callable, Iterator

from . import brain, responses_hosted
from .brain import Ask, Call, Reply, Text, Thinking
from .responses_rules import Seal

Odds = Callable[[list[str]], list[dict]]
"""The log probabilities of tokens."""

# What a client may say and reads back in every answer, and the vendor's default.
ECHOED = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def ran(ask: Ask, tools: list[dict], number: str) -> list[dict]:
    """The items of an answer with tools that are no functions; the model says what it found, unless it waits for one."""
    built = responses_hosted.hosted(ask, tools, number)
    if any(item["type"] == "custom_tool_call" for item in built):
        return built
    text = "Found: " + " ".join(ask.user_words())
    return [*built, _message(f"msg_{number}", text, "completed", [], responses_hosted.citation(built, text))]


def _message(id: str, text: str, status: str, odds: list[dict], annotations: list[dict]) -> dict:
    content = {"type": "output_text", "annotations": annotations, "logprobs": odds, "text": text}
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": [content]}


def items(reply: Reply, body: dict, number: str, seal: Seal, odds: Odds) -> list[dict]:
    """The items of an answer, complete."""
    status = "incomplete" if reply.finish == "length" else "completed"
    built = []
    for at, part in enumerate(reply.parts):
        match part:
            case Thinking(text):
                built.append(_thought(text, body, f"rs_{number}_{at}", seal))
            case Text(text):
                built.append(_message(f"msg_{number}_{at}", text, status, odds(brain.tokens(text)), []))
            case Call(name, arguments, tool):
                custom = tool is not None and tool.custom
                kind, field = ("custom_tool_call", "input") if custom else ("function_call", "arguments")
                ids = {"id": f"{'ctc' if custom else 'fc'}_{number}_{at}", "call_id": f"call_{number}_{at}"}
                ids |= {"namespace": tool.namespace} if tool and tool.namespace else {}
                built.append(ids | {"type": kind, "status": "completed", "name": name, field: arguments})
    return built


def _thought(text: str, body: dict, id: str, seal: Seal) -> dict:
    item = {"id": id, "type": "reasoning", "summary": []}
    # One of a server that shows its thoughts and encrypts nothing.
    if body["model"] == "mock-reasoning":
        return item | {"content": [{"type": "reasoning_text", "text": text}]}
    if (body.get("reasoning") or {}).get("summary") and body["model"] != "mock-redacted":
        item["summary"] = [{"type": "summary_text", "text": word} for word in text.split(": ", 1)]
    encrypted = "reasoning.encrypted_content" in (body.get("include") or [])
    return item | {"encrypted_content": seal.close(id, text) if encrypted else None}


def usage(reply: Reply) -> dict:
    """The vendor's account; cached tokens are part of the input."""
    spent = reply.usage
    return {
        "input_tokens": spent.input,
        "input_tokens_details": {"cached_tokens": spent.cache_read, "cache_write_tokens": spent.cache_write},
        "output_tokens": spent.output,
        "output_tokens_details": {"reasoning_tokens": spent.thinking},
        "total_tokens": spent.input + spent.output,
    }


def response(body: dict, number: str) -> dict:
    """The object around an answer that has not begun."""
    echoed = {name: default if body.get(name) is None else body[name] for name, default in ECHOED.items()}
    asked = body.get("reasoning") or {}
    return echoed | {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "queued" if body.get("background") else "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": body["model"],
        "output": [],
        "reasoning": {"effort": asked.get("effort"), "summary": asked.get("summary")},
        "service_tier": "default",
        "usage": None,
    }


def complete(opened: dict, reply: Reply, output: list[dict]) -> dict:
    """The object around an answer that is there."""
    cut = reply.finish == "length"
    return opened | {
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else int(time.time()),
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": output,
        "usage": usage(reply),
    }


def events(opened: dict, last: dict, obfuscate: bool) -> Iterator[dict]:
    """The events of a stream, numbered."""
    numbers = itertools.count()
    for event in _events(opened, last):
        if obfuscate and event["type"].endswith(".delta"):
            event["obfuscation"] = "x" * (16 - len(event["delta"]) % 16)
        yield event | {"sequence_number": next(numbers)}


def _events(opened: dict, last: dict) -> Iterator[dict]:
    if opened["status"] == "queued":
        yield {"type": "response.queued", "response": opened}
    begun = opened | {"status": "in_progress"}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for at, item in enumerate(last["output"]):
        empty = {name: [] for name in ("content", "summary") if name in item}
        empty |= {"arguments": ""} if "arguments" in item else {}
        empty |= responses_hosted.LATER.get(item["type"], {})
        # Not all of it is there yet, as the reference warns.
        empty |= {"encrypted_content": item["encrypted_content"][:9]} if item.get("encrypted_content") else {}
        status = {"status": "in_progress"} if "status" in item else {}
        yield {"type": "response.output_item.added", "output_index": at, "item": item | empty | status}
        where = {"item_id": item["id"], "output_index": at}
        for event in GROWTH.get(item["type"], responses_hosted.grow)(item):
            yield {"type": f"response.{event.pop('type')}"} | where | event
        yield {"type": "response.output_item.done", "output_index": at, "item": item}
    yield {"type": f"response.{last['status']}", "response": last}


def _grow_message(item: dict) -> Iterator[dict]:
    for index, part in enumerate(item["content"]):
        place = {"content_index": index}
        empty = part | {"text": "", "annotations": [], "logprobs": []}
        yield {"type": "content_part.added", "part": empty} | place
        for at, token in enumerate(brain.tokens(part["text"])):
            yield {"type": "output_text.delta", "delta": token, "logprobs": part["logprobs"][at : at + 1]} | place
        for at, annotation in enumerate(part["annotations"]):
            yield {"type": "output_text.annotation.added", "annotation_index": at, "annotation": annotation} | place
        yield {"type": "output_text.done", "text": part["text"], "logprobs": part["logprobs"]} | place
        yield {"type": "content_part.done", "part": part} | place


def _grow_thought(item: dict) -> Iterator[dict]:
    for index, part in enumerate(item.get("content") or []):
        for token in brain.tokens(part["text"]):
            yield {"type": "reasoning_text.delta", "content_index": index, "delta": token}
        yield {"type": "reasoning_text.done", "content_index": index, "text": part["text"]}
    for index, part in enumerate(item["summary"]):
        place = {"summary_index": index}
        yield {"type": "reasoning_summary_part.added", "part": part | {"text": ""}} | place
        for token in brain.tokens(part["text"]):
            yield {"type": "reasoning_summary_text.delta", "delta": token} | place
        yield {"type": "reasoning_summary_text.done", "text": part["text"]} | place
        yield {"type": "reasoning_summary_part.done", "part": part} | place


def _grow_call(item: dict) -> Iterator[dict]:
    for token in brain.tokens(item["arguments"]):
        yield {"type": "function_call_arguments.delta", "delta": token}
    yield {"type": "function_call_arguments.done", "arguments": item["arguments"]}


GROWTH = {
    "message": _grow_message,
    "reasoning": _grow_thought,
    "function_call": _grow_call,
}
