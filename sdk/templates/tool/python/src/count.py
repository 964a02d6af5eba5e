"""Counting. Nothing here knows of the host: it is tested by itself."""


class Wrong(Exception):
    """What the model can mend."""


def count(text):
    if not text:
        raise Wrong("`text` is empty")
    return {
        "characters": len(text),
        "words": len(text.split()),
        "lines": text.count("\n") + (not text.endswith("\n")),
    }
