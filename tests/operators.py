"""`evenhand plugin`, as operators type it."""

import json
import os
import subprocess
from pathlib import Path

from harness import BINARY, Evenhand


def evenhand(*words: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """A command of the binary, to its end."""
    command = [str(BINARY), *map(str, words)]
    return subprocess.run(command, env=os.environ | (env or {}), cwd=cwd, capture_output=True, text=True, timeout=120)


def plugin(running: Evenhand, *words: str | Path) -> dict:
    """`evenhand plugin WORDS`, which must do what it says; its answer."""
    done = evenhand("plugin", *words, "--url", running.admin, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.startswith("{") else {}


def refused(running: Evenhand, *words: str | Path) -> str:
    """`evenhand plugin WORDS`, which must not be done; why."""
    done = evenhand("plugin", *words, "--url", running.admin)
    assert done.returncode == 1 and not done.stdout, done
    return done.stderr


def told(running: Evenhand, *words: str | Path) -> str:
    """`evenhand plugin WORDS`, as people read it."""
    done = evenhand("plugin", *words, "--url", running.admin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def revisions(running: Evenhand, name: str) -> list[tuple[int, str]]:
    """The line of a plugin, the oldest first: number and state."""
    line = plugin(running, "show", name)["revisions"]
    return [(row["number"], row["state"]) for row in reversed(line)]
