"""What OpenAI's API refuses of a chat or embeddings request."""

import json
import re
from typing import Any

from openai.types import embedding_create_params
from openai.types.chat import completion_create_params

from . import rules
from .rules import Broken
from .server import Refusal
from .shapes import Shape

CHAT = Shape(completion_create_params.CompletionCreateParamsNonStreaming, {"stream": bool | None}, ("stream",))
EMBEDDINGS = Shape(embedding_create_params.EmbeddingCreateParams)

# Lowest and highest value, as the API reference gives them.
RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "n": (1, 128),
    "top_logprobs": (0, 20),
    "max_tokens": (1, None),
    "max_completion_tokens": (1, None),
    "dimensions": (1, None),
}
CODES = {"missing": "missing_required_parameter", "extra_forbidden": "unknown_parameter"}


def bad(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """The vendor's 400."""
    return Refusal(400, "invalid_request_error", message, param=param, code=code)


def shape(checked: Shape, body: dict) -> None:
    """Fields that don't exist, are missing or of the wrong type; numbers out of range."""
    if fault := checked.fault(body):
        path, kind, message = fault
        param = re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, path)))
        said = {
            "missing": f"Missing required parameter: '{param}'.",
            "extra_forbidden": f"Unknown parameter: '{param}'.",
        }
        code = CODES.get(kind) or ("invalid_type" if kind.endswith("_type") else "invalid_value")
        raise bad(said.get(kind, f"Invalid value for '{param}': {message}"), param, code)
    for name, (low, high) in RANGES.items():
        value = body.get(name)
        if value is not None and value < low:
            raise bad(
                f"Invalid '{name}': below minimum value. Expected a value >= {low}, but got {value} instead.",
                name,
                "decimal_below_min_value",
            )
        if value is not None and high is not None and value > high:
            raise bad(
                f"Invalid '{name}': above maximum value. Expected a value <= {high}, but got {value} instead.",
                name,
                "decimal_above_max_value",
            )


def chat(body: dict) -> None:
    """Refuses a chat request that the API refuses."""
    shape(CHAT, body)
    if not body["messages"]:
        raise bad(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages", "empty_array"
        )
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise bad("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", "max_tokens")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise bad("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs")
    stop = body.get("stop")
    if isinstance(stop, list) and not 1 <= len(stop) <= 4:
        raise bad(
            f"Invalid 'stop': expected an array with 1 to 4 elements, but got {len(stop)}.",
            "stop",
            "array_above_max_length",
        )
    labels(body.get("metadata") or {})
    names(body)
    _tools(body)
    _format(body)
    _messages(body["messages"])


def labels(metadata: dict) -> None:
    if len(metadata) > 16 or any(len(k) > 64 or len(v) > 512 for k, v in metadata.items()):
        raise bad("Invalid 'metadata': at most 16 pairs, keys of 64 and values of 512 characters.", "metadata")


def names(body: dict) -> None:
    """Names that the client has for a user or a conversation."""
    for field in ("user", "safety_identifier", "prompt_cache_key"):
        length = len(body.get(field) or "")
        if length > 64:
            said = f"Invalid '{field}': string too long. Expected a string with maximum length 64, but got a string with length {length} instead."
            raise bad(said, field, "string_above_max_length")


def _tools(body: dict) -> None:
    tools = body.get("tools")
    for name in ("tool_choice", "parallel_tool_calls"):
        if tools is None and body.get(name) is not None:
            raise bad(f"'{name}' is only allowed when 'tools' are specified.", name)
    if tools is None:
        return
    if not 1 <= len(tools) <= 128:
        raise bad(f"Invalid 'tools': {len(tools)} elements. Expected an array of 1 to 128.", "tools", "empty_array")
    names = []
    for at, tool in enumerate(tools):
        function = tool.get("function") or tool.get("custom")
        if not rules.TOOL_NAME.fullmatch(function["name"]):
            where = f"tools[{at}].function.name"
            raise bad(
                f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                where,
                "invalid_value",
            )
        names.append(function["name"])
        parameters = function.get("parameters", {"type": "object", "properties": {}})
        try:
            rules.check_schema(parameters)
            if parameters and parameters.get("type") != "object":
                raise Broken(
                    f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{parameters.get('type')}\"'"
                )
            if function.get("strict"):
                rules.check_closed(parameters, all_required=True)
        except Broken as broken:
            raise bad(
                f"Invalid schema for function '{function['name']}': {broken}",
                f"tools[{at}].function.parameters",
                "invalid_function_parameters",
            ) from broken
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function" and choice["function"]["name"] not in names:
        raise bad(f"Tool choice '{choice['function']['name']}' not found in 'tools' parameter.", "tool_choice")


def _format(body: dict) -> None:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        raise bad(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )
    if wanted.get("type") != "json_schema":
        return
    described = wanted["json_schema"]
    if not rules.TOOL_NAME.fullmatch(described["name"]):
        raise bad(
            "Invalid 'response_format.json_schema.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.",
            "response_format.json_schema.name",
            "invalid_value",
        )
    try:
        rules.check_schema(described.get("schema", {}))
        if described.get("strict"):
            rules.check_closed(described.get("schema", {}), all_required=True)
    except Broken as broken:
        raise bad(f"Invalid schema for response_format '{described['name']}': {broken}", "response_format") from broken


def _messages(messages: list[dict]) -> None:
    open_calls: list[str] = []
    for at, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                raise bad(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                    f"messages.[{at}].role",
                )
            open_calls.remove(message["tool_call_id"])
            continue
        _all_answered(open_calls)
        if role == "assistant":
            open_calls = _assistant(message, at)
        elif not isinstance(message["content"], str):
            _parts(message["content"], at)
        name = message.get("name")
        if name is not None and not re.fullmatch(r"[^\s<|\\/>]{1,64}", name):
            raise bad(
                f"Invalid 'messages[{at}].name': string does not match pattern.",
                f"messages[{at}].name",
                "invalid_value",
            )
    _all_answered(open_calls)


def _all_answered(open_calls: list[str]) -> None:
    if open_calls:
        raise bad(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
            f"The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
            "messages",
        )


def _assistant(message: dict, at: int) -> list[str]:
    calls = message.get("tool_calls")
    if calls is not None and not calls:
        raise bad(
            f"Invalid 'messages[{at}].tool_calls': empty array. Expected an array with minimum length 1.",
            f"messages[{at}].tool_calls",
            "empty_array",
        )
    if not calls and message.get("content") is None and message.get("refusal") is None and message.get("audio") is None:
        raise bad("Invalid value for 'content': expected a string, got null.", f"messages.[{at}].content")
    for call in calls or []:
        name = call.get("function", call.get("custom"))["name"]
        if not rules.TOOL_NAME.fullmatch(name):
            raise bad(
                f"Invalid 'messages[{at}].tool_calls[0].function.name': string does not match pattern.",
                f"messages[{at}].tool_calls",
                "invalid_value",
            )
        if not 1 <= len(call["id"]) <= 64:
            raise bad(
                f"Invalid 'messages[{at}].tool_calls[0].id': expected a length of 1 to 64.",
                f"messages[{at}].tool_calls",
                "string_above_max_length",
            )
    return [call["id"] for call in calls or []]


def _parts(parts: list[dict], at: int) -> None:
    if not parts:
        raise bad(f"Invalid 'messages[{at}].content': empty array.", f"messages[{at}].content", "empty_array")
    for index, part in enumerate(parts):
        if part["type"] != "image_url":
            continue
        where = f"messages[{at}].content[{index}].image_url.url"
        try:
            image(part["image_url"]["url"])
        except Broken as broken:
            raise bad(f"Invalid '{where}': {broken}", where, "invalid_image_url") from broken


def image(url: str) -> tuple[str | None, bytes]:
    """Media type and bytes of an image: those of a data URL, or the URL itself."""
    if url.startswith(("http://", "https://")):
        return None, url.encode()
    given = re.fullmatch(r"data:([^;,]+);base64,(.*)", url, re.DOTALL)
    if not given:
        raise Broken("expected a valid URL: http, https, or base64 data")
    return given[1], rules.image_bytes(given[1], given[2])


def embeddings(body: dict[str, Any]) -> list[list[str]]:
    """Refuses an embeddings request that the API refuses; the inputs as words."""
    shape(EMBEDDINGS, body)
    given = body["input"]
    one = isinstance(given, str) or bool(given) and isinstance(given[0], int)
    inputs = [given] if one else given
    if not inputs or not all(inputs) or len(inputs) > 2048:
        raise bad("Invalid 'input': 1 to 2048 inputs, none of them empty.", "input")
    return [text.split() if isinstance(text, str) else [str(token) for token in text] for text in inputs]
