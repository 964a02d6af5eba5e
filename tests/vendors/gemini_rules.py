"""What Google's Gemini API refuses of a request, in Google's words as far as they are known."""

import json
import re
from typing import Any

from google.genai import types

from . import rules
from .gemini_shapes import BatchEmbedContentsRequest, CountTokensRequest, GenerateContentRequest, bad, shape
from .rules import Broken

FUNCTION_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
LABEL = re.compile(r"[a-z0-9_-]{0,63}")
# Signatures that stand for lost ones (the vendor's page "Thought signatures", FAQ 1).
PLACEHOLDERS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
RANGES = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "topK": (1, None),
    "candidateCount": (1, 8),
    "maxOutputTokens": (1, None),
    "seed": (-(2**31), 2**31 - 1),
    "presencePenalty": (-2, 2),
    "frequencyPenalty": (-2, 2),
    "logprobs": (0, 20),
}
MOST_STOPS = 5
LARGEST_BATCH = 100
MIME_TYPES = ("text/plain", "application/json", "text/x.enum")
IMAGES = ("image/png", "image/jpeg", "image/webp")
# The subset of JSON Schema, as the SDK says it of `response_json_schema`.
SCHEMA_WORDS = (
    "type format title description enum items prefixItems minItems maxItems minimum maximum anyOf oneOf properties "
    "additionalProperties required propertyOrdering $id $defs $ref $anchor"
).split()
DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)


def generate(body: dict) -> dict:
    """Refuses a request for an answer that the API refuses; gives it as `shape` does."""
    body = shape(GenerateContentRequest, body)
    system = body.get("systemInstruction") or {}
    for at, part in enumerate(system.get("parts", [])):
        if set(part) != {"text"}:
            raise bad(f"systemInstruction.parts[{at}]: only text is supported")
    names = _tools(body)
    _choice(body, names)
    _config(body.get("generationConfig") or {})
    categories = [setting.get("category") for setting in body.get("safetySettings") or []]
    if len(set(categories)) < len(categories):
        raise bad("GenerateContentRequest.safety_settings: duplicate category")
    for name, value in (body.get("labels") or {}).items():
        if not name or not LABEL.fullmatch(name) or not LABEL.fullmatch(value):
            raise bad(f"Invalid label: {name}: {value}")
    contents(body.get("contents"))
    return body


def _tools(body: dict) -> list[str]:
    names = []
    for at, tool in enumerate(body.get("tools") or []):
        if not tool:
            raise bad(
                f"GenerateContentRequest.tools[{at}].tool_type: required one_of 'tool_type' must have one initialized field"
            )
        for index, function in enumerate(tool.get("functionDeclarations", [])):
            where = f"GenerateContentRequest.tools[{at}].function_declarations[{index}]"
            name = function.get("name", "")
            if not FUNCTION_NAME.fullmatch(name):
                raise bad(
                    f"{where}.name: Invalid function name. Must start with a letter or an underscore. Must be alphameric "
                    "(a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
                )
            if name in names:
                raise bad(f"Duplicate function declaration found: {name}")
            names.append(name)
            if "parameters" in function and "parametersJsonSchema" in function:
                raise bad(f"{where}: only one of parameters and parameters_json_schema may be set")
            if "parametersJsonSchema" in function:
                schema = function["parametersJsonSchema"]
                _schema(schema, f"{where}.parameters_json_schema")
                if not isinstance(schema, dict) or schema.get("type") != "object":
                    raise bad(f"{where}.parameters_json_schema: schema should be an OBJECT type")
    return names


def _choice(body: dict, names: list[str]) -> None:
    choice = (body.get("toolConfig") or {}).get("functionCallingConfig")
    if choice is None:
        return
    if not names:
        raise bad("Function calling config is set without function_declarations.")
    allowed = choice.get("allowedFunctionNames") or []
    if allowed and choice.get("mode") not in ("ANY", "VALIDATED"):
        raise bad("allowed_function_names should only be set when function calling mode is ANY.")
    if not set(allowed) <= set(names):
        raise bad(
            f"allowed_function_names should be a subset of the declared functions: {sorted(set(allowed) - set(names))}"
        )


def _config(config: dict) -> None:
    for name, (low, high) in RANGES.items():
        value = config.get(name)
        if value is not None and (value < low or (high is not None and value > high)):
            raise bad(f"GenerateContentRequest.generation_config.{name}: {name} must be in the range [{low}, {high}]")
    stops = config.get("stopSequences") or []
    if len(stops) > MOST_STOPS or not all(stops):
        raise bad(
            f"GenerateContentRequest.generation_config.stop_sequences: 1 to {MOST_STOPS}, none empty; got {len(stops)}"
        )
    if config.get("logprobs") is not None and not config.get("responseLogprobs"):
        raise bad("logprobs may only be set if response_logprobs is true")
    kind = config.get("responseMimeType", "text/plain")
    if kind not in MIME_TYPES:
        raise bad(f"GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are {MIME_TYPES}")
    if "responseSchema" in config and "responseJsonSchema" in config:
        raise bad("only one of response_schema and response_json_schema may be set")
    if "responseJsonSchema" in config:
        if kind != "application/json":
            raise bad("response_json_schema requires response_mime_type application/json")
        _schema(config["responseJsonSchema"], "GenerateContentRequest.generation_config.response_json_schema")
    thinking = config.get("thinkingConfig") or {}
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise bad("You can only set only one of thinking budget and thinking level.")
    if not -1 <= thinking.get("thinkingBudget", 0) <= 24576:
        raise bad(
            f"The thinking budget {thinking['thinkingBudget']} is invalid. Please choose a value between 1 and 24576."
        )


def _schema(schema: Any, where: str) -> None:
    try:
        rules.check_schema(schema)
        _subset(schema)
    except Broken as broken:
        raise bad(f"{where}: {broken}") from broken


def _subset(schema: Any, path: str = "$") -> None:
    if not isinstance(schema, dict):
        return
    for word, value in schema.items():
        if word not in SCHEMA_WORDS:
            raise Broken(f"{path}: unsupported keyword {word!r}")
        if word in ("properties", "$defs"):
            for name, inner in value.items():
                _subset(inner, f"{path}.{word}.{name}")
        elif word in ("anyOf", "oneOf", "prefixItems"):
            for at, inner in enumerate(value):
                _subset(inner, f"{path}.{word}[{at}]")
        elif word in ("items", "additionalProperties"):
            _subset(value, f"{path}.{word}")
        elif word == "enum" and not all(
            isinstance(one, str | int | float) and not isinstance(one, bool) for one in value
        ):
            raise Broken(f"{path}.enum: only strings and numbers are supported")
    beside = [word for word in schema if not word.startswith("$")]
    if "$ref" in schema and beside:
        raise Broken(f"{path}: no other properties than $ref may be set: {beside}")
    if "$ref" in schema and not schema["$ref"].startswith("#/$defs/"):
        raise Broken(f"{path}: unresolvable reference {schema['$ref']}")


def parts(content: dict) -> list[dict]:
    """A turn's parts."""
    return content.get("parts") or []


def has(content: dict, kind: str) -> list[dict]:
    """The data of this kind in a turn."""
    return [part[kind] for part in parts(content) if part.get(kind) is not None]


def contents(turns: list[dict] | None) -> None:
    """Refuses a conversation that is none."""
    if not turns:
        raise bad("* GenerateContentRequest.contents: contents is not specified")
    for at, turn in enumerate(turns):
        where = f"GenerateContentRequest.contents[{at}]"
        if turn.get("role", "user") not in ("user", "model"):
            raise bad("Please use a valid role: user, model.")
        if not parts(turn):
            raise bad(f"* {where}.parts: contents.parts must not be empty.")
        for index, part in enumerate(parts(turn)):
            _part(turn.get("role", "user"), part, f"{where}.parts[{index}]")
    turns = joined(turns)
    if turns[0]["role"] != "user":
        raise bad("Please ensure that multiturn requests begin with a user turn.")
    for before, turn in zip([{}, *turns], turns):
        _responses(before, turn)
    if has(turns[-1], "functionCall"):
        raise bad("Please ensure that the function call turn is followed by a function response turn.")


def joined(turns: list[dict]) -> list[dict]:
    """Contents of one role in a row are one turn: the SDK sends the pieces of a streamed answer so."""
    built: list[dict] = []
    for turn in turns:
        role = turn.get("role", "user")
        if built and built[-1]["role"] == role:
            built[-1]["parts"] += parts(turn)
        else:
            built.append({"role": role, "parts": list(parts(turn))})
    return built


def _part(role: str, part: dict, where: str) -> None:
    data = [kind for kind in DATA if part.get(kind) is not None]
    if len(data) != 1 and not (not data and "thoughtSignature" in part):
        raise bad(f"* {where}.data: required oneof field 'data' must have one initialized field")
    if part.get("text") == "" and "thoughtSignature" not in part:
        raise bad(f"* {where}.text: must not be empty")
    if role == "user" and (part.get("thought") or "functionCall" in part):
        raise bad(f"* {where}: not allowed in a turn of role user")
    if role == "model" and "functionResponse" in part:
        raise bad("Please ensure that function response turns have the role user.")
    call = part.get("functionCall")
    if call and not FUNCTION_NAME.fullmatch(call.get("name") or ""):
        raise bad(f"* {where}.function_call.name: Name cannot be empty or invalid.")
    if response := part.get("functionResponse"):
        if not response.get("name"):
            raise bad(f"* {where}.function_response.name: Name cannot be empty.")
        if "response" not in response:
            raise bad(f"* {where}.function_response.response: must be set")
        for inner in response.get("parts") or []:
            media(inner, f"{where}.function_response.parts")
    media(part, where)


def media(part: dict, where: str) -> tuple[str | None, bytes] | None:
    """Media type and bytes of a part, or the URI itself; None if it has none."""
    if file := part.get("fileData"):
        if not file.get("fileUri"):
            raise bad(f"* {where}.file_data.file_uri: must be set")
        return None, file["fileUri"].encode()
    if not (blob := part.get("inlineData")):
        return None
    kind = blob.get("mimeType") or ""
    if "/" not in kind:
        raise bad(f"* {where}.inline_data.mime_type: must be set")
    try:
        if kind.startswith("image/") and kind not in IMAGES:
            raise Broken(f"Unsupported MIME type: {kind}")
        if kind.startswith("image/"):
            return kind, rules.image_bytes(kind, blob.get("data", ""))
    except Broken as broken:
        raise bad(f"Unable to process input image: {broken}") from broken
    return kind, types.Blob.model_validate_json(json.dumps(blob)).data or b""


def _responses(before: dict, turn: dict) -> None:
    """Responses follow their calls at once: as many, for the same functions, in their order or by their ids."""
    calls, given = has(before, "functionCall"), has(turn, "functionResponse")
    if given and not calls:
        raise bad("Please ensure that function response turn comes immediately after a function call turn.")
    if len(calls) != len(given):
        raise bad(
            "Please ensure that the number of function response parts is equal to the number of function call parts of "
            "the function call turn."
        )
    for call, response in zip(calls, given, strict=True):
        wanted, got = (call["name"], call.get("id")), (response["name"], response.get("id"))
        if wanted != got:
            raise bad(f"Function response {got} does not match the function call {wanted} in its place.")
    kinds = ["functionResponse" in part for part in parts(turn)]
    if kinds != sorted(kinds, reverse=True):
        raise bad("Please ensure that function responses come before other parts of their turn.")


def current_steps(turns: list[dict]) -> list[tuple[int, dict]]:
    """The model's steps since the user last said something, with their places: their signatures are demanded."""
    turns = joined(turns)
    said = [
        at
        for at, turn in enumerate(turns)
        if turn["role"] == "user" and len(has(turn, "functionResponse")) < len(turn["parts"])
    ]
    start = said[-1] if said else 0
    return [(at, turn) for at, turn in enumerate(turns) if at > start and turn["role"] == "model"]


def count(body: dict) -> dict:
    """Refuses a countTokens request; gives the request that is counted."""
    body = shape(CountTokensRequest, body)
    if ("contents" in body) == ("generateContentRequest" in body):
        raise bad("exactly one of contents and generate_content_request must be set")
    counted = body.get("generateContentRequest", body)
    if "generateContentRequest" in body and not counted.get("model"):
        raise bad("* CountTokensRequest.generate_content_request.model: model is not specified")
    generate({name: value for name, value in counted.items() if name != "model"})
    return counted


def embed(body: dict, model: str) -> list[dict]:
    """Refuses a batchEmbedContents request; gives its requests."""
    body = shape(BatchEmbedContentsRequest, body)
    requests = body["requests"]
    if not 1 <= len(requests) <= LARGEST_BATCH:
        raise bad(f"* BatchEmbedContentsRequest.requests: at most {LARGEST_BATCH} requests can be in one batch")
    for at, one in enumerate(requests):
        if one.get("model") != f"models/{model}":
            raise bad(f"* BatchEmbedContentsRequest.requests[{at}].model: must be the same as the batch's")
        embed_one(one)
    return requests


def embed_one(one: dict) -> None:
    """Refuses what can't be embedded."""
    texts = has(one["content"], "text")
    if not texts or not all(texts) or len(texts) != len(parts(one["content"])):
        raise bad("* EmbedContentRequest.content: content is empty or no text")
    if one.get("outputDimensionality", 1) < 1:
        raise bad("* EmbedContentRequest.output_dimensionality: must be positive")
    if one.get("title") and one.get("taskType") != "RETRIEVAL_DOCUMENT":
        raise bad("* EmbedContentRequest.title: only for RETRIEVAL_DOCUMENT")
