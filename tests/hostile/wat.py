"""Attacks that no Rust compiler makes: WAT in the place of a component's own core module, whose types and wiring stay."""

from pathlib import Path

import wasmtime

from wasm import leb

ATTACKS = Path(__file__).parent / "attacks"
MODULE = 1


def component(base: bytes, name: str) -> bytes:
    """The component `base` with the module of `attacks/NAME.wat`, after what all have (`attacks/world.wat`)."""
    fields = "\n".join((ATTACKS / f"{file}.wat").read_text() for file in ("world", name))
    module = bytes(wasmtime.wat2wasm(f"(module\n{fields}\n)"))
    start, body, end = next(section(base, MODULE))
    assert base[body : body + 4] == b"\0asm", "its first module is what the Rust compiler made"
    return base[:start] + bytes([MODULE]) + leb(len(module)) + module + base[end:]


def section(component: bytes, wanted: int):
    """Where each section of this number begins, its content begins, and ends."""
    at = 8
    while at < len(component):
        start, number = at, component[at]
        size, shift, at = 0, 0, at + 1
        while True:
            byte, at = component[at], at + 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if number == wanted:
            yield start, at, at + size
        at += size
