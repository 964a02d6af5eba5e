"""What compiles slowly is stopped while others are served; what was compiled once is not compiled again after a restart."""

import json
import subprocess
from pathlib import Path

import pytest

import wasm as files
from harness import BINARY, START, Evenhand, Plugin, config, digest, provider, replace, secrets, toml, wait_for, wasm


def says(running: Evenhand, model: str) -> str:
    client = running.client("openai")
    return client.ask(model, [client.user("Hi")]).text


def cached(folder: Path, **compile: str) -> str:
    """Sections that keep compiled forms in a folder of the test's own."""
    limits = "".join(f"{name} = {toml(value)}\n" for name, value in compile.items())
    return f"[cache]\npath = {toml(folder / 'compiled')}\n\n[compile]\n{limits}\n"


def inspect(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(BINARY), "inspect", *map(str, args)], capture_output=True, text=True, timeout=START)


def test_a_component_that_compiles_for_minutes_is_stopped_while_others_are_served(own_vendors, tmp_path):
    slow = tmp_path / "slow.wasm"
    slow.write_bytes(files.slow_component())
    good = provider("openai", own_vendors["openai"])
    # Compiled with time enough, then kept: the limit is for the one that comes later.
    with Evenhand(tmp_path, cached(tmp_path) + config(good), secrets(own_vendors)) as running:
        assert says(running, "openai/mock-echo") == "user: Hi"
    with Evenhand(tmp_path, cached(tmp_path, time="3s") + config(good), secrets(own_vendors)) as running:
        running.write(cached(tmp_path, time="3s") + config(good, Plugin("slow", slow)))
        served = 0
        while not (failed := [plugin for plugin in running.status()["plugins"] if plugin.get("error")]):
            assert says(running, "openai/mock-echo") == "user: Hi"
            served += 1
            assert served < 100_000
        assert served > 10
        assert failed[0]["name"] == "slow" and failed[0]["state"] == "failed"
        # On a busy machine the clock on the wall is first.
        stopped = ("3s of a processor's time", "did not end within 12s")
        assert any(reason in failed[0]["error"] for reason in stopped), failed
        assert "[compile]" in failed[0]["error"]
        assert says(running, "openai/mock-echo") == "user: Hi"


def test_a_restart_uses_what_was_compiled_and_a_changed_entry_is_reported(own_vendors, tmp_path):
    text = cached(tmp_path) + config(provider("openai", own_vendors["openai"]), audit={})
    log = tmp_path / "evenhand.audit"
    with Evenhand(tmp_path, text, secrets(own_vendors)) as running:
        assert says(running, "openai/mock-echo") == "user: Hi"
    folder = tmp_path / "compiled"
    assert folder.stat().st_mode & 0o777 == 0o700 and (folder / "key").stat().st_mode & 0o777 == 0o600
    (entry,) = folder.glob("*.compiled")
    made = entry.stat().st_ino
    with Evenhand(tmp_path, text, secrets(own_vendors)) as running:
        assert says(running, "openai/mock-echo") == "user: Hi"
        assert "cache-" not in log.read_text()
    assert entry.stat().st_ino == made, "it was compiled again"
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)
    with Evenhand(tmp_path, text, secrets(own_vendors)) as running:
        assert says(running, "openai/mock-echo") == "user: Hi"
        told = wait_for("the row", lambda: [row for row in map(json.loads, log.read_text().splitlines()) if row["what"].startswith("cache-")])
        assert [(row["what"], row["details"]["file"]) for row in told] == [("cache-entry-refused", str(entry))]
    assert entry.stat().st_ino != made


def test_a_folder_that_cannot_be_used_costs_time_only(own_vendors, tmp_path):
    (tmp_path / "compiled").write_text("a file")
    text = cached(tmp_path) + config(provider("openai", own_vendors["openai"]))
    with Evenhand(tmp_path, text, secrets(own_vendors)) as running:
        assert says(running, "openai/mock-echo") == "user: Hi"
        assert "not kept" in running.log()


def test_inspect_says_what_a_component_asks_for(tmp_path):
    file = wasm("anthropic")
    seen = inspect(file)
    assert seen.returncode == 0, seen
    for words in [
        digest(file.read_bytes()),
        f"{file.stat().st_size} bytes",
        "provider: serves models (evenhand:plugin/provider@0.1.0)",
        "native: takes a vendor's own wire format untouched",
        "asks to send HTTP requests",
        "an instance from the pool for each call",
        "could be loaded",
        "processed-by wit-component",
    ]:
        assert words in seen.stdout, seen.stdout
    assert "asks to read model weights" not in seen.stdout and "UNKNOWN" not in seen.stdout
    seen = inspect(wasm("cpu"))
    assert seen.returncode == 0 and "backend: an accelerator" in seen.stdout
    assert "asks to read model weights" in seen.stdout and "grant.keep" in seen.stdout


def test_inspect_says_what_a_configuration_grants(own_vendors, tmp_path):
    copy = tmp_path / "copy.wasm"
    replace(copy, wasm("openai").read_bytes())
    granted = provider("openai", own_vendors["openai"])
    nothing = Plugin("bare", copy)
    other = provider("anthropic", own_vendors["anthropic"])
    file = tmp_path / "evenhand.toml"
    file.write_text(cached(tmp_path) + config(granted, nothing, other))
    seen = inspect(wasm("openai"), "--config", file)
    assert seen.returncode == 0, seen
    origin = own_vendors["openai"].url
    told = seen.stdout
    first, second = told.index('as the plugin "openai"'), told.index('as the plugin "bare"')
    assert f"may send POST {origin}/*" in told[first:second] and "it never sees it" in told[first:second]
    assert "asks for HTTP requests and is granted none" in told[second:]
    assert "asks for HTTP requests" not in told[first:second]
    assert '"anthropic"' not in told
    file.write_text(cached(tmp_path) + config(other))
    assert "is in no entry" in inspect(wasm("openai"), "--config", file).stdout


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"garbage", "not WebAssembly"),
        (files.core_module(), "core WebAssembly module"),
        (files.empty_component(), "exports none of `provider`, `backend` and `tools`"),
        (files.COMPONENT + b"\x07\xff", "not a valid component"),
    ],
)
def test_inspect_fails_for_what_would_not_be_loaded(content, reason, tmp_path):
    file = tmp_path / "file.wasm"
    file.write_bytes(content)
    seen = inspect(file)
    assert seen.returncode == 1
    assert "WOULD NOT BE LOADED" in seen.stdout and reason in seen.stdout, seen


def test_inspect_of_no_file(tmp_path):
    seen = inspect(tmp_path / "nothing.wasm")
    assert seen.returncode == 1 and "nothing.wasm can't be read" in seen.stderr
