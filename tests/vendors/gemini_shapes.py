"""The shapes of bodies that Google's Gemini API takes, from the types of its SDK."""

import json
import re
import warnings
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pydantic
from google.genai import _common, types

from .server import Refusal

# What the SDK's types have for Google's cloud, and its methods refuse for this API.
CLOUD_ONLY = (
    "method",
    "partialArgs",
    "willContinue",
    "streamFunctionCallArguments",
    "routingConfig",
    "modelSelectionConfig",
    "audioTimestamp",
    "retrieval",
    "enterpriseWebSearch",
    "parallelAiSearch",
    "exaAiSearch",
)
# Fields whose values are the client's own.
FREE = ("args", "response", "parametersJsonSchema", "responseJsonSchema", "partMetadata", "labels")


class GenerationConfig(types.GenerationConfig):
    """The SDK's, and what it sends beside it."""

    image_config: types.ImageConfig | None = None


class GenerateContentRequest(_common.BaseModel):
    """The body of generateContent, which the SDK has no type for."""

    model: str | None = None
    contents: list[types.Content] | None = None
    system_instruction: types.Content | None = None
    tools: list[types.Tool] | None = None
    tool_config: types.ToolConfig | None = None
    safety_settings: list[types.SafetySetting] | None = None
    generation_config: GenerationConfig | None = None
    cached_content: str | None = None
    labels: dict[str, str] | None = None
    service_tier: types.ServiceTier | None = None
    store: bool | None = None
    continuation_token: str | None = None


class CountTokensRequest(_common.BaseModel):
    """The body of countTokens."""

    contents: list[types.Content] | None = None
    generate_content_request: GenerateContentRequest | None = None


class EmbedContentRequest(_common.BaseModel):
    """The body of embedContent, and each of a batch."""

    model: str | None = None
    content: types.Content
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class BatchEmbedContentsRequest(_common.BaseModel):
    """The body of batchEmbedContents."""

    requests: list[EmbedContentRequest]


def bad(message: str) -> Refusal:
    """The vendor's 400."""
    return Refusal(400, "INVALID_ARGUMENT", message)


def camel(value: Any, of_client: bool = False) -> Any:
    """A body with its fields named as JSON names them: the API takes `mime_type` too, and the SDK sends both."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    built = {}
    for name, inner in value.items():
        name = name if of_client else re.sub("_([a-z])", lambda found: found[1].upper(), name)
        if name in built:
            raise bad(f"Invalid JSON payload received. Duplicate name '{name}'")
        built[name] = (
            inner if name in FREE and not of_client else camel(inner, of_client=name in ("properties", "defs"))
        )
    return built


def shape(model: type[pydantic.BaseModel], body: dict) -> dict:
    """Refuses fields that don't exist, have the wrong type, or a word that is none of theirs. Gives the body as `camel`."""
    body = camel(body)
    try:
        with warnings.catch_warnings():
            # The SDK takes unknown words with a warning.
            warnings.simplefilter("ignore", UserWarning)
            read = model.model_validate_json(json.dumps(body), strict=True)
    except pydantic.ValidationError as error:
        fault = max(error.errors(include_url=False, include_context=False), key=lambda fault: len(fault["loc"]))
        *outer, name = fault["loc"]
        if fault["type"] == "extra_forbidden":
            at = f" at '{_path(outer)}'" if outer else ""
            raise bad(f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.') from None
        raise bad(f"Invalid value at '{_path(fault['loc'])}': {fault['msg']}") from None
    for path, value in _walk(read):
        if isinstance(value, Enum) and value.value not in [known.value for known in type(value)]:
            raise bad(f"Invalid value at '{path}' ({type(value).__name__}), \"{value.value}\"")
    for path, name in _names(body):
        if name in CLOUD_ONLY:
            raise bad(f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field.")
    return body


def _path(steps: Any) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, pydantic.BaseModel):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _walk(one, f"{path}[{at}]")
    else:
        yield path, value


def _names(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path, name
            if name not in FREE:
                yield from _names(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _names(one, f"{path}[{at}]")
