"""What host/dialects writes, read by the official SDK as strictly as its types allow. No host runs: the answers are those that
the Rust tests compare with, host/dialects/tests/golden."""

import json
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

GOLDEN = Path(__file__).parents[1] / "host/dialects/tests/golden"


def models(union: object) -> dict[str, type[BaseModel]]:
    """The SDK's types of events, by what their `type` says."""
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(union)[0])}


def events(path: Path) -> list[dict]:
    """The events of a stream."""
    read = []
    for block in path.read_text().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if lines:
            event = json.loads(lines["data"])
            assert event["type"] == lines["event"]
            assert lines.get("id", event.get("event_id")) == event.get("event_id")
            read.append(event)
    return read


def unknown(model: object, path: str = "") -> list[str]:
    """Fields that the SDK's types don't have."""
    found = []
    if isinstance(model, BaseModel):
        found += [f"{path}.{name}" for name in model.model_extra or {}]
        for name in model.model_fields_set:
            found += unknown(getattr(model, name, None), f"{path}.{name}")
    elif isinstance(model, list):
        for entry in model:
            found += unknown(entry, path)
    return found


def known(model: BaseModel, ours: set[str]) -> None:
    """Every field is the SDK's, or one of ours."""
    strange = {name.rsplit(".", 1)[1] for name in unknown(model)}
    assert strange <= ours, strange - ours
