"""Strict shapes of AWS requests: botocore's own validator, and what it leaves to the service. Shapes are those of botocore's
description of Amazon Bedrock Runtime."""

import base64
import binascii
import re
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from .server import Refusal


def bad(message: str) -> Refusal:
    """The vendor's 400."""
    return Refusal(400, "ValidationException", message)


@cache
def model() -> ServiceModel:
    """The service as botocore describes it."""
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


def shape(operation: str, params: dict) -> None:
    """Fields that don't exist, are missing or of the wrong type, values outside their sets, sizes and patterns."""
    wanted = model().operation_model(operation).input_shape
    if null := _null(params, ""):
        raise bad(
            f"1 validation error detected: Value at '{null}' failed to satisfy constraint: Member must not be null"
        )
    report = ParamValidator().validate(params, wanted)
    if report.has_errors():
        raise bad(f"Malformed input request: {report.generate_report()}")
    _values(wanted, params, "")


def _null(value: Any, path: str) -> str | None:
    """Where a null is. Documents, whose content is the model's affair, may have none either."""
    if value is None:
        return path or "/"
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, one in inner if (found := _null(one, f"{path}/{key}"))), None)


def _values(shape: Shape, value: Any, path: str) -> None:
    """What botocore itself leaves to the service."""
    limits = shape.metadata
    fault = None
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            for name, one in value.items():
                _values(shape.members[name], one, f"{path}.{name}")
        case "list":
            for at, one in enumerate(value):
                _values(shape.member, one, f"{path}.{at}")
            fault = _size(len(value), limits)
        case "map":
            for key, one in value.items():
                _values(shape.key, key, f"{path}.{key}")
                _values(shape.value, one, f"{path}.{key}")
            fault = _size(len(value), limits)
        case "string":
            fault = _size(len(value), limits)
            if shape.enum and value not in shape.enum:
                fault = f"must satisfy enum value set: [{', '.join(shape.enum)}]"
            if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
                fault = f"must satisfy regular expression pattern: {limits['pattern']}"
        case "integer" | "long" | "float" | "double":
            fault = "must be a number" if isinstance(value, bool) else _size(value, limits)
        case "blob" if isinstance(value, str):
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error:
                fault = "must be base64"
    if fault:
        raise bad(
            f"1 validation error detected: Value at '{path.lstrip('.')}' failed to satisfy constraint: Member {fault}"
        )


def _size(size: float, limits: dict) -> str | None:
    if size < limits.get("min", size):
        return f"must have a size or value greater than or equal to {limits['min']}"
    if size > limits.get("max", size):
        return f"must have a size or value less than or equal to {limits['max']}"
    return None
