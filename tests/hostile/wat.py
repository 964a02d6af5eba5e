"""Attacks that no Rust compiler makes: WAT in the place of a component's own core module, or beside it."""

from collections.abc import Iterator
from pathlib import Path

import wasmtime

from wasm import leb

ATTACKS = Path(__file__).parent / "attacks"
# Sections of a component: a core module, and instances of core modules.
MODULE, INSTANCES = 1, 2


def component(base: bytes, name: str) -> bytes:
    """The component `base` with the module of `attacks/NAME.wat`, after what all have (`attacks/world.wat`), in the place of its
    own. Its types and its wiring stay."""
    start, body, end = next(sections(base, MODULE))
    assert base[body : body + 4] == b"\0asm", "its first module is what the Rust compiler made"
    return base[:start] + section(MODULE, module("world", name)) + base[end:]


def beside(base: bytes, name: str, times: int) -> bytes:
    """The component `base` with so many instances of the module of `attacks/NAME.wat` beside its own."""
    index = len(list(sections(base, MODULE)))
    # Instances are made of a module (0) and no arguments.
    instances = leb(times) + (b"\0" + leb(index) + leb(0)) * times
    return base + section(MODULE, module(name)) + section(INSTANCES, instances)


def module(*names: str) -> bytes:
    """A core module of these files' fields."""
    fields = "\n".join((ATTACKS / f"{name}.wat").read_text() for name in names)
    return bytes(wasmtime.wat2wasm(f"(module\n{fields}\n)"))


def section(number: int, content: bytes) -> bytes:
    """A section."""
    return bytes([number]) + leb(len(content)) + content


def sections(component: bytes, wanted: int) -> Iterator[tuple[int, int, int]]:
    """Where each section of this number begins, its content begins, and ends."""
    at = 8
    while at < len(component):
        start, number, size, shift = at, component[at], 0, 0
        while True:
            at += 1
            size |= (component[at] & 0x7F) << shift
            shift += 7
            if component[at] < 0x80:
                break
        at += 1
        if number == wanted:
            yield start, at, at + size
        at += size
