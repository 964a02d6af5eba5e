"""What OpenAI's API refuses of a Responses request."""

import base64
import hashlib
import hmac
import json
from collections.abc import Container
from functools import cache
from typing import Any, Literal, Required, get_args

from openai.types.responses import input_token_count_params, response_create_params
from openai.types.responses.function_tool_param import FunctionToolParam
from openai.types.responses.response_input_file_param import ResponseInputFileParam
from openai.types.responses.response_input_param import ResponseInputItemParam
from openai.types.responses.response_input_text_param import ResponseInputTextParam
from openai.types.responses.response_output_refusal_param import ResponseOutputRefusalParam
from openai.types.responses.response_output_text_param import Annotation
from openai.types.responses.response_reasoning_item_param import ResponseReasoningItemParam
from openai.types.responses.tool_param import ToolParam
from typing_extensions import TypedDict, get_type_hints

from . import openai_rules, rules
from .openai_rules import bad
from .rules import Broken
from .server import Refusal
from .shapes import Shape

# Input and tools are checked one by one, each by its type: the API takes less than the SDK's types ask for.
LOOSE = {"input": str | list[dict], "tools": list[dict]}
# What the SDK's types have not, but Codex sends to the API.
UNTYPED = {"stream": bool | None, "client_metadata": dict[str, str] | None}
CREATE = Shape(response_create_params.ResponseCreateParamsNonStreaming, LOOSE | UNTYPED, ("stream", *LOOSE))
COUNT = Shape(input_token_count_params.InputTokenCountParams, LOOSE, LOOSE)

Status = Literal["in_progress", "completed", "incomplete"]


class InputImage(TypedDict, total=False):
    """As the SDK's, but `detail` may be left out."""

    type: Required[Literal["input_image"]]
    detail: Literal["low", "high", "auto", "original"] | None
    file_id: str | None
    image_url: str | None
    prompt_cache_breakpoint: dict | None


class OutputText(TypedDict, total=False):
    """As the SDK's, but `annotations` may be left out."""

    type: Required[Literal["output_text"]]
    text: Required[str]
    annotations: list[Annotation]
    logprobs: list[dict]


class Asked(TypedDict, total=False):
    """A message that the model did not write."""

    type: Literal["message"]
    role: Required[Literal["user", "system", "developer"]]
    content: Required[str | list[ResponseInputTextParam | InputImage | ResponseInputFileParam]]
    id: str
    status: Status


class Answered(TypedDict, total=False):
    """A message of the model; who wrote it into the conversation by hand has no id."""

    type: Literal["message"]
    role: Required[Literal["assistant"]]
    content: Required[str | list[OutputText | ResponseOutputRefusalParam]]
    id: str
    status: Status
    phase: Literal["commentary", "final_answer"] | None


class Tools(TypedDict):
    """Tools other than functions."""

    tools: list[ToolParam]


FUNCTION = Shape(FunctionToolParam, {"parameters": dict | None, "strict": bool | None}, ("parameters", "strict"))
# Lowest and highest value, as the API reference gives them; the vendor refuses a limit under 16 tokens.
RANGES = {"max_output_tokens": (16, None), "max_tool_calls": (1, None)}
CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
# What the model writes; a thought must be followed by some of it.
BY_MODEL = {
    *CALLS,
    "reasoning",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
}
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "image_generation_call": "ig",
    "mcp_list_tools": "mcpl",
    "mcp_call": "mcp",
}


@cache
def _item(kind: str) -> Shape | None:
    for shape in get_args(ResponseInputItemParam):
        hint = get_type_hints(shape)["type"]
        named = [word for one in (hint, *get_args(hint)) for word in get_args(one)]
        if kind in named and kind != "message":
            # Its id may be left out where its encrypted form is there.
            loose = {"id": str, "content": list | None} if shape is ResponseReasoningItemParam else {}
            return Shape(shape, loose, loose)
    return None


MESSAGES = {role: Shape(Asked) for role in ("user", "system", "developer")} | {"assistant": Shape(Answered)}


@cache
def _tools() -> Shape:
    return Shape(Tools)


class Seal:
    """Encrypts thoughts, so that they come back unchanged and to their own item only."""

    def __init__(self, key: str):
        self._key = key.encode()

    def close(self, id: str, thought: str) -> str:
        said = json.dumps({"id": id, "thought": thought}).encode()
        return "gAAAA" + base64.urlsafe_b64encode(hmac.digest(self._key, said, hashlib.sha256) + said).decode()

    def check(self, item: dict) -> None:
        """Refuses an item whose thought is not this vendor's own."""
        encrypted = item["encrypted_content"]
        shown = f"The encrypted content {encrypted[:4]}...{encrypted[-4:]} could not be verified."
        try:
            raw = base64.urlsafe_b64decode(encrypted.removeprefix("gAAAA"))
            said = json.loads(raw[32:])
        except ValueError:
            said = None
        if said is None or self.close(said["id"], said["thought"]) != encrypted:
            raise bad(
                f"{shown} Reason: Encrypted content could not be decrypted or parsed.", code="invalid_encrypted_content"
            )
        if item.get("id", said["id"]) != said["id"]:
            raise bad(
                f"{shown} Reason: Encrypted content item_id did not match the target item id.",
                code="invalid_encrypted_content",
            )


def create(body: dict) -> None:
    """Refuses a request that the API refuses, whatever the conversation before it was."""
    _body(CREATE, body)
    if body.get("background") and body.get("store") is False:
        raise bad("Background mode requires the response to be stored: 'store' must not be false.", "store")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    openai_rules.labels(body.get("metadata") or {})
    openai_rules.names(body)


def count(body: dict) -> None:
    """Refuses a request to count tokens that the API refuses."""
    _body(COUNT, body)


def _body(shape: Shape, body: dict) -> None:
    openai_rules.shape(shape, body)
    for name in ("model", "input"):
        if body.get(name) is None:
            raise bad(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    for name, (low, _) in RANGES.items():
        if body.get(name) is not None and body[name] < low:
            said = f"Invalid '{name}': integer below minimum value. Expected a value >= {low}, but got {body[name]} instead."
            raise bad(said, name, "integer_below_min_value")
    if body.get("previous_response_id") is not None and body.get("conversation") is not None:
        raise bad("Mutually exclusive parameters: 'previous_response_id' and 'conversation'.", "previous_response_id")
    _check_tools(body)
    _format(body)
    if isinstance(body["input"], list):
        for at, item in enumerate(body["input"]):
            _shape(item, at)


def _fault(shape: Shape, value: Any, where: str) -> None:
    """As `openai_rules.shape`, of something inside a body."""
    try:
        openai_rules.shape(shape, value)
    except Refusal as refusal:
        inner = refusal.param or ""
        path = f"{where}.{inner}" if inner else where
        raise bad(refusal.message.replace(f"'{inner}'", f"'{path}'"), path, refusal.code) from refusal


def _check_tools(body: dict) -> None:
    names = []
    for at, tool in enumerate(body.get("tools") or []):
        where = f"tools[{at}]"
        if tool.get("type") != "function":
            _fault(_tools(), {"tools": [tool]}, where)
            names += [tool["name"]] if tool["type"] == "custom" else [tool["type"]]
            continue
        _fault(FUNCTION, tool, where)
        if not rules.TOOL_NAME.fullmatch(tool["name"]):
            raise bad(
                f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                f"{where}.name",
                "invalid_value",
            )
        names.append(tool["name"])
        parameters = tool.get("parameters") or {"type": "object", "properties": {}}
        try:
            rules.check_schema(parameters)
            if parameters.get("type") != "object":
                raise Broken(
                    f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{parameters.get('type')}\"'"
                )
            if tool.get("strict"):
                rules.check_closed(parameters, all_required=True)
        except Broken as broken:
            said = f"Invalid schema for function '{tool['name']}': {broken}"
            raise bad(said, f"{where}.parameters", "invalid_function_parameters") from broken
    choice = body.get("tool_choice")
    if choice == "required" and not names:
        raise bad("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
    for chosen in choice.get("tools", [choice]) if isinstance(choice, dict) else []:
        name = chosen.get("name") or chosen.get("server_label") or chosen["type"]
        if name not in names and chosen["type"] not in names:
            raise bad(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")


def _format(body: dict) -> None:
    wanted = (body.get("text") or {}).get("format") or {}
    if wanted.get("type") == "json_object" and "json" not in json.dumps(body["input"]).lower():
        raise bad(
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
            "input",
        )
    if wanted.get("type") != "json_schema":
        return
    if not rules.TOOL_NAME.fullmatch(wanted["name"]):
        raise bad(
            "Invalid 'text.format.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.",
            "text.format.name",
            "invalid_value",
        )
    try:
        rules.check_schema(wanted["schema"])
        if wanted.get("strict"):
            rules.check_closed(wanted["schema"], all_required=True)
    except Broken as broken:
        raise bad(f"Invalid schema for response_format '{wanted['name']}': {broken}", "text.format.schema") from broken


def _shape(item: dict, at: int) -> None:
    where = f"input[{at}]"
    kind = item.get("type", "item_reference" if set(item) == {"id"} else "message")
    shape = MESSAGES.get(item.get("role")) if kind == "message" else _item(kind)
    if shape is None:
        field, value = ("role", item.get("role")) if kind == "message" else ("type", kind)
        raise bad(f"Invalid value: '{value}' for '{where}.{field}'.", f"{where}.{field}", "invalid_value")
    _fault(shape, item, where)
    prefix = PREFIXES.get(kind)
    if prefix and "id" in item and not item["id"].startswith(f"{prefix}_"):
        said = f"Invalid '{where}.id': '{item['id']}'. Expected an ID that begins with '{prefix}'."
        raise bad(said, f"{where}.id", "invalid_value")
    if kind in CALLS and not rules.TOOL_NAME.fullmatch(item["name"]):
        said = f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        raise bad(said, f"{where}.name", "invalid_value")
    if not 1 <= len(item.get("call_id") or "-") <= 64:
        said = f"Invalid '{where}.call_id': string too long. Expected a string with maximum length 64."
        raise bad(said, f"{where}.call_id", "string_above_max_length")
    parts = item.get("content") if kind == "message" else item.get("output")
    for index, part in enumerate(parts if isinstance(parts, list) else []):
        if part.get("type") == "input_image" and part.get("image_url") is not None:
            try:
                openai_rules.image(part["image_url"])
            except Broken as broken:
                path = f"{where}.content[{index}].image_url"
                raise bad(f"Invalid '{path}': {broken}", path, "invalid_value") from broken


def conversation(items: list[dict], kept: Container[str], seal: Seal) -> None:
    """Refuses a conversation, that of earlier responses included, whose items don't belong together. `kept` are ids of
    items that the vendor has stored."""
    open_calls: dict[str, str] = {}
    for at, item in enumerate(items):
        kind = item.get("type", "message")
        if kind in CALLS:
            open_calls[item["call_id"]] = CALLS[kind]
        elif kind in CALLS.values():
            if open_calls.pop(item.get("call_id"), None) != kind:
                said = kind.removesuffix("_output").replace("_", " ")
                raise bad(f"No tool call found for {said} output with call_id {item.get('call_id')}.", "input")
        elif kind == "reasoning":
            _thought(item, items[at + 1] if at + 1 < len(items) else None, kept, seal)
    if open_calls:
        raise bad(f"No tool output found for function call {next(iter(open_calls))}.", "input")


def _thought(item: dict, following: dict | None, kept: Container[str], seal: Seal) -> None:
    id = item.get("id")
    if item.get("encrypted_content"):
        seal.check(item)
    elif id not in kept and not item.get("content"):
        raise Refusal(
            404,
            "invalid_request_error",
            f"Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` "
            "set to true, or remove this item from your input.",
            param="input",
        )
    if following is None or not (following.get("type") in BY_MODEL or following.get("role") == "assistant"):
        raise bad(f"Item '{id}' of type 'reasoning' was provided without its required following item.", "input")
