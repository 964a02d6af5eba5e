"""Server-sent events, as a client reads them."""


def events(raw: bytes) -> list[tuple[str | None, str]]:
    """Name and data of each."""
    found = []
    text = raw.decode()
    assert not text or text.endswith("\n\n"), "no event is left open"
    for block in text.split("\n\n"):
        lines = [line.partition(":") for line in block.split("\n") if line and not line.startswith(":")]
        data = [value.removeprefix(" ") for name, _, value in lines if name == "data"]
        if data:
            found.append((next((value.strip() for name, _, value in lines if name == "event"), None), "\n".join(data)))
    return found
