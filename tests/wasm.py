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


def slow_component() -> bytes:
    """A valid component that is compiled for minutes: values that all live through many loops."""
    values, loops, i64 = 4000, 20000, b"\x7e"

    def section(number: int, body: bytes) -> bytes:
        return bytes([number]) + leb(len(body)) + body

    get, put = (lambda at: b"\x20" + leb(at)), (lambda at: b"\x21" + leb(at))
    body = b"".join(
        # loop; one = other + 1; br_if 0 (one == 0); end
        b"\x03\x40" + get((at * 7 + 1) % values) + b"\x42\x01\x7c" + put(at % values) + get(at % values) + b"\x50\x0d\x00\x0b"
        for at in range(loops)
    )
    body += b"\x42\x00" + b"".join(get(at) + b"\x85" for at in range(values))
    # The type is (i64) -> i64; all other values are locals.
    code = leb(1) + leb(values - 1) + i64 + body + b"\x0b"
    module = (
        CORE
        + section(1, b"\x01\x60\x01\x7e\x01\x7e")
        + section(3, b"\x01\x00")
        + section(10, b"\x01" + leb(len(code)) + code)
    )
    # Section 1 of a component is a core module.
    return COMPONENT + section(1, module)
