"""Fixtures of the attacks."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness import Evenhand, Plugin, provider, secrets
from stage import Begin, Load, Stage, entry, text
from target import Target


@pytest.fixture
def begin(openai_vendor, tmp_path) -> Iterator[Begin]:
    """Begins an attack: `begin("a01_loop", limits={…})`. At its end the host must stand and the neighbour have lost nothing."""
    with ExitStack() as stack:
        begun: list[Stage] = []

        def start(
            source: str | Path,
            *others: Plugin,
            env: dict | None = None,
            before: str = "",
            settings: dict | None = None,
            shown: dict | None = None,
            **tables: Any,
        ) -> Stage:
            neighbour = provider("openai", openai_vendor)
            configured = text(neighbour, entry(source, **tables), *others, before=before, **(settings or {}))
            environment = secrets({"openai": openai_vendor}) | (env or {})
            running = stack.enter_context(Evenhand(tmp_path, configured, environment))
            load = Load(running.url)
            stack.callback(load.stop)
            load.start()
            begun.append(Stage(running, load, shown or {}))
            return begun[-1]

        yield start
        assert begun, "nothing was attacked"
        for stage in begun:
            stage.end()


@pytest.fixture
def target() -> Iterator[Target]:
    """A server that the attacker is granted something of."""
    with Target() as target:
        yield target


@pytest.fixture
def other() -> Iterator[Target]:
    """A server that nobody granted it."""
    with Target() as target:
        yield target
