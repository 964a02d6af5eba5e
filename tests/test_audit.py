"""The audit log: who loaded, swapped, granted and asked what, what was refused, and whether the log is still as it was written."""

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

import wasm as files
from harness import BINARY, START, Evenhand, Plugin, config, digest, provider, replace, secrets, wait_for, wasm

TOKEN = {"EVENHAND_TEST_ADMIN_TOKEN": "operator-token-of-the-test"}
ADMIN = {"token": {"env": "EVENHAND_TEST_ADMIN_TOKEN"}}


def rows(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]


def of(log: Path, what: str) -> list[dict]:
    return [row for row in rows(log) if row["what"] == what]


def verify(log: Path, *options: str) -> subprocess.CompletedProcess:
    command = [str(BINARY), "audit", "verify", str(log), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=START)


def ask(running: Evenhand, model: str, said: str) -> None:
    """A call of the misbehaving provider, which need not work."""
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": said}]}
    httpx.post(f"{running.url}/v1/messages", json=body, timeout=30)


def stop(running: Evenhand) -> None:
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0


def call(running: Evenhand, token: str | None) -> int:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{running.admin}/admin/v1/plugins", headers=headers).status_code


@pytest.fixture
def log(vendors, tmp_path) -> Path:
    """What is left of a host on which everything happened that is recorded."""
    log, file = tmp_path / "evenhand.audit", tmp_path / "openai.wasm"
    built = wasm("openai").read_bytes()
    file.write_bytes(built)
    hostile = Plugin("hostile", wasm("test/misbehaving"), limits={"memory": "6MiB"})
    good = provider("openai", vendors["openai"], source=file)
    settings = {"admin": ADMIN, "audit": {}}
    with Evenhand(tmp_path, config(good, hostile, **settings), secrets(vendors) | TOKEN) as running:
        other = files.with_section(built, "build", b"two")
        replace(file, other)
        wait_for("the swap", lambda: of(log, "plugin-swapped"))
        good.grant["egress"] = good.grant["egress"][:1]
        running.write(config(good, hostile, Plugin("absent", "absent.wasm"), **settings))
        wait_for("the smaller grant", lambda: of(log, "grant-changed"))
        running.file.write_text("max_boddy = 3")
        running.process.send_signal(signal.SIGHUP)
        wait_for("the refusal", lambda: of(log, "config-refused"))
        running.write(config(hostile, **settings))
        wait_for("the removal", lambda: of(log, "plugin-removed"))
        for _ in range(5):
            ask(running, "hostile/send", json.dumps({"method": "GET", "url": "http://127.0.0.1:9/secret?q=1"}))
        ask(running, "hostile/allocate", "64")
        shown = (TOKEN["EVENHAND_TEST_ADMIN_TOKEN"], "wrong", None)
        assert [call(running, token) for token in shown] == [200, 401, 401]
        assert "token" in {row["who"] for row in of(log, "admin-call")}, "on record before it is answered"
        stop(running)
    return log


def test_what_happened_is_on_record(log, vendors):
    all_rows = rows(log)
    assert [row["seq"] for row in all_rows] == list(range(1, len(all_rows) + 1))
    assert (all_rows[0]["what"], all_rows[-1]["what"]) == ("host-started", "host-stopped")

    built = digest(wasm("openai").read_bytes())
    loaded = {row["details"]["plugin"]: row["details"] for row in of(log, "plugin-loaded")}
    assert set(loaded) == {"openai", "hostile"}
    assert loaded["openai"]["digest"] == built
    rule = f"may send POST {vendors['openai'].url}/*"
    assert rule in loaded["openai"]["grant"] and loaded["hostile"]["grant"] == ["may compute and log"]

    swapped = of(log, "plugin-swapped")[0]
    assert swapped["details"]["before"] == built != swapped["details"]["digest"]
    granted = of(log, "grant-changed")[0]["details"]
    assert len(granted["before"]) == len(granted["grant"]) + 1
    failed = of(log, "plugin-failed")
    assert [row["details"]["plugin"] for row in failed] == ["absent"], "told once"
    assert any("max_boddy" in row["details"]["error"] for row in of(log, "config-refused"))
    assert {row["details"]["plugin"] for row in of(log, "plugin-removed")} >= {"openai"}
    assert {row["who"] for row in all_rows} >= {"host", "file", "plugin", "token", "stranger"}

    first, more = of(log, "denial")
    assert first["details"]["plugin"] == "hostile" and first["details"]["to"] == "GET http://127.0.0.1:9"
    assert "no egress rule" in first["details"]["reason"] and "more" not in first
    assert more["more"] == 4 and more["details"]["to"] == first["details"]["to"]
    assert of(log, "limit-hit")[0]["details"] == {"plugin": "hostile", "limit": "memory"}

    calls = {(row["who"], row["details"]["status"]): row["details"] for row in of(log, "admin-call")}
    assert set(calls) == {("token", 200), ("stranger", 401)}
    assert {(call["method"], call["path"]) for call in calls.values()} == {("GET", "/admin/v1/plugins")}

    text = log.read_text()
    for secret in (vendors["openai"].key, TOKEN["EVENHAND_TEST_ADMIN_TOKEN"], "wrong"):
        assert secret not in text


def test_verify_finds_what_was_done_to_it(log):
    good = verify(log)
    assert good.returncode == 0 and f"{len(rows(log))} rows" in good.stdout, good.stdout + good.stderr
    written = log.read_text()
    lines = written.splitlines(keepends=True)
    for text, named in (
        (written.replace('"limit":"memory"', '"limit":"handles"'), "was altered"),
        ("".join(lines[:3] + lines[4:]), "row 4 is missing"),
        ("".join(lines[:-2]), f"row {len(lines) - 1} is missing"),
        (written[:-10], f"row {len(lines)} is cut"),
    ):
        log.write_text(text)
        bad = verify(log)
        assert bad.returncode == 1 and named in bad.stdout, bad.stdout + bad.stderr
    log.write_text(written)
    heads = log.with_name("evenhand.audit.heads")
    kept = heads.rename(log.with_name("kept"))
    assert verify(log).returncode == 1
    assert verify(log, "--heads", str(kept), "--key", f"{log}.pub").returncode == 0


def test_a_killed_host_s_log_goes_on(tmp_path):
    """Killed in the middle of a row, as if: the half row goes, and a row says so."""
    log = tmp_path / "evenhand.audit"
    text = config(Plugin("hostile", wasm("test/misbehaving")), audit={})
    with Evenhand(tmp_path, text) as running:
        running.process.kill()
    before = log.read_bytes()
    log.write_bytes(before + b'{"seq":99')
    with Evenhand(tmp_path, text) as running:
        running.status()
        stop(running)
    assert [row["details"] for row in of(log, "log-repaired")] == [{"bytes": 9}]
    assert log.read_bytes().startswith(before)
    assert of(log, "admin-call")[-1]["who"] == "local"
    assert verify(log).returncode == 0
    assert os.stat(f"{log}.key").st_mode & 0o777 == 0o600


def rebuild(log: Path, kept: list[dict]) -> None:
    """The chain of these rows, made anew without the key."""
    prev, text = "0" * 64, ""
    for row in kept:
        line = json.dumps(row | {"prev": prev}, ensure_ascii=False, separators=(",", ":"))
        prev = hashlib.sha256(line.encode()).hexdigest()
        text += line + "\n"
    log.write_text(text)


def test_a_laundered_log_is_told_until_it_is_archived(tmp_path):
    """A row altered, the chain made anew, its end and the signed heads gone: whole to look at, and yet the next start finds it."""
    log = tmp_path / "evenhand.audit"
    text = config(Plugin("hostile", wasm("test/misbehaving")), audit={})

    def run() -> None:
        with Evenhand(tmp_path, text) as running:
            running.status()
            stop(running)

    run()
    kept = rows(log)[:-1]
    next(row for row in kept if row["what"] == "plugin-loaded")["details"]["plugin"] = "other"
    rebuild(log, kept)
    log.with_name("evenhand.audit.heads").unlink()
    run()
    [told] = of(log, "chain-broken")
    assert "no signed head" in told["details"]["fault"]
    for _ in range(2):
        found = verify(log)
        assert found.returncode == 1 and f"row {told['seq']}: " in found.stdout, found.stdout + found.stderr
        run()
    assert len(of(log, "chain-broken")) == 1, "found once, and not forgotten"

    archive = tmp_path / "archive"
    archive.mkdir()
    for ending in ("", ".heads", ".key", ".pub"):
        Path(f"{log}{ending}").rename(f"{archive / log.name}{ending}")
    run()
    assert verify(log).returncode == 0
    assert verify(archive / log.name).returncode == 1


def test_an_older_public_key_is_kept(tmp_path):
    """Without key and heads the log would be another host's, and says so."""
    log, public = tmp_path / "evenhand.audit", tmp_path / "evenhand.audit.pub"
    text = config(Plugin("hostile", wasm("test/misbehaving")), audit={})
    with Evenhand(tmp_path, text) as running:
        stop(running)
    before = public.read_text()
    for ending in ("heads", "key"):
        log.with_name(f"evenhand.audit.{ending}").unlink()
    with Evenhand(tmp_path, text) as running:
        stop(running)
    assert public.read_text() != before == public.with_name("evenhand.audit.pub.replaced-1").read_text()
    found = verify(log)
    assert found.returncode == 1 and "the key is new" in found.stdout, found.stdout + found.stderr


def test_without_a_log_the_host_says_so(evenhand):
    assert evenhand.log().count("no [audit] is configured") == 1
