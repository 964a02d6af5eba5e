"""Strict shapes of request bodies, built from the TypedDicts of the official SDKs.

The SDK's own types are lenient (an `Iterable` is checked lazily, unknown fields pass), so each is rebuilt: unknown fields
are refused, numbers are not booleans, and unions are told apart by their tag so that an error names the right field.
"""

import io
import os
from collections.abc import Iterable, Sequence
from functools import cache
from types import UnionType
from typing import IO, Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict, get_type_hints, is_typeddict

FORBID = ConfigDict(extra="forbid", strict=True)
TAGS = ("type", "role")
UNIONS = (Union, UnionType)


class Shape:
    """Checks bodies against one of an SDK's parameter types, with some fields added or left out."""

    def __init__(self, params: type, extra: dict[str, Any] | None = None, without: Iterable[str] = ()):
        self._adapter = TypeAdapter(_typed_dict(params, tuple((extra or {}).items()), tuple(without)))

    def fault(self, body: Any) -> tuple[tuple[str | int, ...], str, str] | None:
        """What is wrong with a body: path, kind and message of the deepest fault; None if nothing is."""
        try:
            self._adapter.validate_python(body)
        except pydantic.ValidationError as error:
            faults = error.errors(include_url=False, include_context=False)
            deepest = max(faults, key=lambda fault: len(fault["loc"]))
            return _path(body, deepest), deepest["type"], deepest["msg"]
        return None


def _path(body: Any, fault: dict) -> tuple[str | int, ...]:
    """The fault's place in the body. pydantic's own path also has a step for each union it went through."""
    path = []
    for at, step in enumerate(fault["loc"]):
        last_and_missing = fault["type"] == "missing" and at == len(fault["loc"]) - 1
        if isinstance(body, dict) and (step in body or last_and_missing):
            path.append(step)
            body = body.get(step)
        elif isinstance(body, list) and isinstance(step, int):
            path.append(step)
            body = body[step]
    return tuple(path)


@cache
def _typed_dict(params: type, extra: tuple = (), without: tuple = ()) -> type:
    fields = {}
    for name, hint in get_type_hints(params, include_extras=True).items():
        required = get_origin(hint) is Required or name in params.__required_keys__
        if get_origin(hint) in (Required, NotRequired):
            (hint,) = get_args(hint)
        if name not in without:
            fields[name] = (Required if required else NotRequired)[_strict(hint)]
    fields |= {name: NotRequired[hint] for name, hint in extra}
    built = TypedDict(params.__name__, fields)
    open_to_more = getattr(params, "__pydantic_config__", {}).get("extra") == "allow"
    built.__pydantic_config__ = ConfigDict(extra="allow", strict=True) if open_to_more else FORBID
    return built


def _strict(hint: Any) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return _typed_dict(hint)
    if hint is object:
        return Any
    if origin is Annotated:
        return _strict(args[0])
    if origin in (list, Iterable, Sequence):
        return list[_strict(args[0])]
    if origin is dict:
        return dict[args[0], _strict(args[1])]
    if origin in UNIONS:
        return _union(_members(hint))
    return hint


def _members(hint: Any) -> list:
    """What a union may hold, flat, without what never reaches the wire as such."""
    if get_origin(hint) is Annotated:
        return _members(get_args(hint)[0])
    if get_origin(hint) in UNIONS:
        return [member for arg in get_args(hint) for member in _members(arg)]
    return [hint] if _is_json(hint) else []


def _is_json(hint: Any) -> bool:
    """SDKs also take files and their own answers' classes."""
    if get_origin(hint) in (IO, os.PathLike) or hint in (IO, io.IOBase, os.PathLike):
        return False
    return not (isinstance(hint, type) and issubclass(hint, pydantic.BaseModel))


def _union(members: list) -> Any:
    built = [_strict(member) for member in members]
    dicts = [member for member in built if is_typeddict(member)]
    others = [member for member in built if not is_typeddict(member)]
    for tag in TAGS:
        values = [value for member in dicts for value in _tag_values(member, tag)]
        tagged = all(_tag_values(member, tag) for member in dicts)
        if len(dicts) > 1 and tagged and len(set(values)) == len(values):
            dicts = [Annotated[Union[tuple(dicts)], Field(discriminator=tag)]]
            break
    return Union[tuple(dicts + others)]


def _tag_values(member: type, tag: str) -> tuple:
    hint = get_type_hints(member).get(tag)
    return get_args(hint) if get_origin(hint) is Literal else ()
