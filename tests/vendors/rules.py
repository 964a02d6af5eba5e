"""Rules that both vendors have: images, JSON schemas."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

import jsonschema

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}


class Broken(Exception):
    """What is wrong with a value."""


def image_bytes(media_type: str, data: str) -> bytes:
    """The bytes of an image, which must be what they are said to be."""
    if media_type not in MAGIC:
        raise Broken(f"unsupported image: {media_type}. Use one of {', '.join(MAGIC)}")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Broken(f"invalid base64 data: {error}") from error
    if not raw.startswith(MAGIC[media_type]):
        raise Broken(f"the image does not match the provided media type {media_type}")
    return raw


def check_schema(schema: Any) -> None:
    """Refuses what is no JSON schema."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise Broken(f"JSON schema is invalid: {error.message}") from error


def objects(schema: Any, path: tuple = ()) -> Iterator[tuple[tuple, dict]]:
    """Every schema of an object inside a schema, with its path."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for key, value in schema.items():
            if key not in ("enum", "const", "default", "examples"):
                yield from objects(value, (*path, key))
    elif isinstance(schema, list):
        for at, value in enumerate(schema):
            yield from objects(value, (*path, str(at)))


def check_closed(schema: dict, all_required: bool) -> None:
    """Refuses a schema that a strict output can't follow."""
    for path, part in objects(schema):
        if part.get("additionalProperties") is not False:
            raise Broken(
                f"In context=({', '.join(path)}), 'additionalProperties' is required to be supplied and to be false"
            )
        missing = set(part.get("properties", {})) - set(part.get("required", []))
        if all_required and missing:
            raise Broken(
                f"In context=({', '.join(path)}), 'required' must name every property; missing {sorted(missing)}"
            )
