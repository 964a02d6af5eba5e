"""What the vendor's own tools leave in an answer of OpenAI's Responses API, and how it streams."""

import base64
import json
from collections.abc import Iterator

from . import brain
from .brain import Ask

# The smallest GIF.
PICTURE = base64.b64encode(b"GIF89a\x01\0\x01\0\0\0\0;").decode()


def hosted(ask: Ask, tools: list[dict], number: str) -> list[dict]:
    """The items of one call of each of these tools: what they are asked is what the user said."""
    said, built = " ".join(ask.user_words()), []
    for at, tool in enumerate(tools):
        builder = ITEMS.get(tool["type"])
        built += builder(tool, said, f"{number}_t{at}") if builder else []
    return built


def citation(items: list[dict], text: str) -> list[dict]:
    """The annotation of a text that says what was found."""
    sources = [source["url"] for item in items for source in item.get("action", {}).get("sources", [])]
    return [
        {"type": "url_citation", "url": url, "title": text, "start_index": 0, "end_index": len(text)} for url in sources
    ]


def _web_search(_: dict, said: str, number: str) -> list[dict]:
    sources = [{"type": "url", "url": f"https://search.example/{number}"}]
    action = {"type": "search", "query": said, "queries": [said], "sources": sources}
    return [{"id": f"ws_{number}", "type": "web_search_call", "status": "completed", "action": action}]


def _file_search(_: dict, said: str, number: str) -> list[dict]:
    call = {"id": f"fs_{number}", "type": "file_search_call", "status": "completed", "queries": [said]}
    return [
        call
        | {"results": [{"file_id": "file-1", "filename": "found.txt", "score": 0.5, "text": said, "attributes": {}}]}
    ]


def _code_interpreter(_: dict, said: str, number: str) -> list[dict]:
    call = {"id": f"ci_{number}", "type": "code_interpreter_call", "status": "completed", "code": f"print({said!r})"}
    return [call | {"container_id": f"cntr_{number}", "outputs": [{"type": "logs", "logs": f"{said}\n"}]}]


def _image_generation(_: dict, said: str, number: str) -> list[dict]:
    call = {"id": f"ig_{number}", "type": "image_generation_call", "status": "completed", "result": PICTURE}
    return [call | {"output_format": "gif", "revised_prompt": said}]


def _mcp(tool: dict, said: str, number: str) -> list[dict]:
    label = {"server_label": tool["server_label"]}
    schema = {"type": "object", "properties": {"words": {"type": "string"}}}
    listed = {"id": f"mcpl_{number}", "type": "mcp_list_tools", "tools": [{"name": "say", "input_schema": schema}]}
    call = {"id": f"mcp_{number}", "type": "mcp_call", "status": "completed", "name": "say", "output": said}
    return [listed | label, call | label | {"arguments": json.dumps({"words": said}), "error": None}]


def _custom(tool: dict, said: str, number: str) -> list[dict]:
    ids = {"id": f"ctc_{number}", "call_id": f"call_{number}"}
    return [ids | {"type": "custom_tool_call", "name": tool["name"], "input": said}]


ITEMS = {
    "web_search": _web_search,
    "file_search": _file_search,
    "code_interpreter": _code_interpreter,
    "image_generation": _image_generation,
    "mcp": _mcp,
    "custom": _custom,
}
# What isn't known yet when an item begins.
LATER = {
    "file_search_call": {"queries": [], "results": None},
    "code_interpreter_call": {"code": "", "outputs": None},
    "image_generation_call": {"result": None},
    "mcp_list_tools": {"tools": []},
    "mcp_call": {"arguments": "", "output": None},
    "custom_tool_call": {"input": ""},
}


def grow(item: dict) -> Iterator[dict]:
    """The events between an item's beginning and its end; their types without `response.`."""
    kind = item["type"]
    for step in STEPS.get(kind, ()):
        yield from STREAMED[step](item) if step in STREAMED else [{"type": f"{kind}.{step}"}]


def _pieces(field: str, event: str):
    def pieces(item: dict) -> Iterator[dict]:
        for token in brain.tokens(item[field]):
            yield {"type": f"{event}.delta", "delta": token}
        yield {"type": f"{event}.done", field: item[field]}

    return pieces


def _partial_image(item: dict) -> Iterator[dict]:
    yield {"type": "image_generation_call.partial_image", "partial_image_index": 0, "partial_image_b64": item["result"]}


STREAMED = {
    "code": _pieces("code", "code_interpreter_call_code"),
    "arguments": _pieces("arguments", "mcp_call_arguments"),
    "input": _pieces("input", "custom_tool_call_input"),
    "partial_image": _partial_image,
}
STEPS = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "code", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "partial_image", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
    "mcp_call": ("in_progress", "arguments", "completed"),
    "custom_tool_call": ("input",),
}
