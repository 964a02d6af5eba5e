"""WebAssembly files for tests: other builds of the same component, and files that are no provider."""

CORE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"


def leb(number: int) -> bytes:
    """An unsigned number as LEB128."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def with_section(component: bytes, name: str, payload: bytes) -> bytes:
    """The same component with one more custom section: it behaves as before, but its digest differs."""
    body = leb(len(name)) + name.encode() + payload
    return component + b"\0" + leb(len(body)) + body


def core_module() -> bytes:
    """A valid core module that exports nothing."""
    return with_section(CORE, "note", b"a core module, not a component")


def empty_component() -> bytes:
    """A valid component of no world: it exports nothing."""
    return with_section(COMPONENT, "note", b"exports nothing")
