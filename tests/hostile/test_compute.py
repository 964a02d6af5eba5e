"""Attacks on time, memory and the compiler: lines 1 to 11 of the threats."""

from pathlib import Path

import httpx
import pytest

import wasm as files
import wat
from harness import Plugin, broken_off, wait_for
from stage import NAME, Begin, attack, written

HURRIED = {"deadline": "1s"}


def test_01_infinite_loop(begin):
    stage = begin("a01_loop", limits=HURRIED)
    stage.fails(504, "deadline limit of 1s")
    stage.fails(504, "deadline limit of 1s", dialect="anthropic")
    stage.limit_hit("deadline")
    stage.lives()


def test_01_infinite_loop_in_a_callback(begin):
    """The host calls the component's allocator in the middle of a host function."""
    stage = begin("a01_callback", limits=HURRIED)
    stage.fails(504, "deadline limit of 1s")
    stage.limit_hit("deadline")
    stage.lives()


def test_02_memory_over_several_memories(begin, tmp_path):
    """Three modules of 9 MiB stand beside its own, which takes 48. The limit is on the sum."""
    source = tmp_path / "attack.wasm"
    source.write_bytes(wat.beside(attack("a02_memory").read_bytes(), "a02_beside", 3))
    stage = begin(source, limits={"memory": "64MiB"})
    assert stage.says("16") == str(16 << 20)
    stage.fails(502, "overran its memory limit of 64.0 MiB", said="48")
    stage.fails(502, "overran its memory limit of 64.0 MiB", said="48", dialect="anthropic")
    stage.limit_hit("memory")
    stage.lives()


def test_02_the_same_without_them(begin):
    """It is those beside it that are too much."""
    assert begin("a02_memory", limits={"memory": "64MiB"}).says("48") == str(48 << 20)


def test_02_memory_at_the_beginning(begin, tmp_path):
    """The same, too much before it is called at all: it doesn't serve."""
    source = tmp_path / "attack.wasm"
    source.write_bytes(wat.beside(attack("a02_memory").read_bytes(), "a02_beside", 8))
    stage = begin(source, limits={"memory": "64MiB"})
    assert "overran its memory limit of 64.0 MiB" in stage.failed_to_load()
    stage.limit_hit("memory")


def test_02_several_memories_of_one_module(begin, tmp_path):
    """The host has no place for such a module, and says so: it is the component's fault, not the host's."""
    stage = begin(written(tmp_path, "a02_memories"))
    error = stage.failed_to_load()
    assert "memories" in error and "fault of evenhand" not in error, error
    assert "cache-entry-refused" not in stage.running.log()


def test_03_bulk_memory(begin, tmp_path):
    stage = begin(written(tmp_path, "a03_bulk"), limits=HURRIED | {"memory": "300MiB"})
    stage.fails(504, "deadline limit of 1s")
    stage.limit_hit("deadline")


def test_04_recursion(begin):
    stage = begin("a04_recursion")
    stage.fails(502, "trapped: ", "call stack exhausted")
    stage.fails(502, "trapped: ", "call stack exhausted", dialect="anthropic")
    stage.lives()


def test_05_a_million_host_calls(begin):
    stage = begin("a05_calls", limits={"deadline": "3s"})
    stage.fails(504, "deadline limit of 3s")
    stage.limit_hit("deadline")
    stage.lives()
    assert "thousand calls" in stage.running.log()


def test_06_never_returning_from_next(begin):
    stage = begin("a06_next", limits={"idle": "1s"})
    for dialect in ("openai", "anthropic"):
        stage.fails(504, "idle limit of 1s", dialect=dialect)
        answer = stage.ask(dialect=dialect, stream=True)
        assert answer.status_code == 200 and "so far" in answer.text
        assert f'"{NAME}" did not answer within its idle limit' in broken_off(dialect, answer.text)
    stage.limit_hit("idle")
    stage.lives()


@pytest.mark.parametrize("said", ["clock", "send"])
def test_07_sleeping_inside_a_host_call(said, begin, target):
    granted = {"grant": {"egress": [f"GET {target.url}/*"]}, "config": {"granted": target.url}}
    stage = begin("a07_sleep", limits=HURRIED, **granted)
    stage.fails(504, "deadline limit of 1s", said=said)
    assert len(target.arrived) == (said == "send")
    stage.limit_hit("deadline")
    stage.lives()


@pytest.mark.parametrize("limit", ["time", "memory"])
def test_08_compiling_without_end(limit, begin, tmp_path):
    """It comes by a reload, so that the neighbour is served while it is compiled."""
    source = tmp_path / "slow.wasm"
    source.write_bytes(files.slow_component())
    bound = {"time": '"2s"', "memory": '"192MiB"'}[limit]
    begun = Plugin(NAME, attack("a01_loop"))
    stage = begin(begun.source, before=f"[compile]\n{limit} = {bound}\n\n")
    text = stage.running.file.read_text()
    stage.running.write(text.replace(str(begun.source), str(source)))
    error = stage.running.wait_for("it to be stopped", lambda seen: seen["plugins"][1].get("error"))
    reasons = {"time": ("2s of a processor's time", "did not end within 8s"), "memory": ("more than 192.0 MiB of memory",)}
    assert any(reason in error for reason in reasons[limit]), error
    wait_for("a row", lambda: stage.rows("plugin-failed"))
    # What served before serves on.
    stage.lives()


def none_serves(begin: Begin, folder: Path, attackers: dict[str, tuple[Path | bytes, str]]) -> None:
    """None of these components or bytes serves, each for its own reason."""
    plugins = []
    for name, (source, _) in attackers.items():
        if isinstance(source, bytes):
            (folder / f"{name}.wasm").write_bytes(source)
            source = folder / f"{name}.wasm"
        plugins.append(Plugin(name, source))
    stage = begin("base", *plugins)
    for name, (_, reason) in attackers.items():
        error = stage.failed_to_load(name)
        assert reason in error, (name, error)
    stage.lives()


def test_09_no_component(begin, tmp_path):
    component = attack("base").read_bytes()
    attackers = {
        "garbage": (bytes(range(256)) * 100, "not WebAssembly"),
        "nothing": (b"", "empty"),
        "a-script": (b"#!/bin/sh\nid\n", "not WebAssembly"),
        "a-core-module": (files.core_module(), "core WebAssembly module"),
        "cut-off": (component[: len(component) // 2], "not a valid component"),
        "garbage-behind": (component + bytes(range(256)), "not a valid component"),
        "garbage-within": (component[:5000] + b"\xff" * 50 + component[5050:], "not a valid component"),
    }
    none_serves(begin, tmp_path, attackers)


def test_10_another_world(begin, tmp_path):
    renamed = attack("base").read_bytes().replace(b"plugin/provider@0.1.0", b"plugin/provider@0.9.0")
    attackers = {
        "other-functions": (attack("a10_world"), "does not have export"),
        "other-imports": (attack("a10_import"), "imports what the contract doesn't have"),
        "no-exports": (files.empty_component(), "exports nothing"),
        "other-version": (renamed, "built for the contract evenhand:plugin@0.9.0, which this Evenhand does not know"),
    }
    none_serves(begin, tmp_path, attackers)


def test_11_trapping_on_every_call(begin):
    """After five failures in a row it is left alone, and clients and operators are told so."""
    stage = begin("a11_trap")
    for dialect in ("openai", "anthropic", "openai", "anthropic", "openai"):
        stage.fails(502, "trapped", dialect=dialect)
    for dialect, status in (("openai", 503), ("anthropic", 529)):
        answer = stage.ask(dialect=dialect)
        # From then on one call in a while is let through to look; it traps.
        if answer.status_code != 502:
            message = answer.json()["error"]["message"]
            assert answer.status_code == status and int(answer.headers["retry-after"]) >= 1
            assert "is in quarantine: it failed" in message and "trapped" in message
    seen = stage.plugins()[NAME]
    assert seen["state"] == "serving" and seen["health"]["state"] in ("quarantined", "probing")
    assert seen["health"]["failures"] >= 5 and "trapped" in seen["health"]["last_error"]
    (entered,) = wait_for("a row", lambda: stage.rows("quarantine-entered"))[:1]
    assert "trapped" in entered["reason"]
    # What it does is one thing, whether it serves another: a call that works lets it out.
    wait_for("the end of quarantine", lambda: stage.ask(model="answer").status_code == 200)
    assert stage.plugins()[NAME]["health"] == {"state": "healthy", "failures": 0}
    assert httpx.get(f"{stage.running.admin}/readyz").status_code == 200
