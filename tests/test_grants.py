"""A grant is the operator's, not the component's: what a new version asks for is shown, and given when somebody says yes."""

import json

import pytest
from mcp.shared.exceptions import MCPError

import wasm as files
from harness import Evenhand, Plugin, config, wasm
from mcp_servers import talk
from operators import evenhand, plugin, refused, told

STORE = {"url": "sqlite://evenhand.db"}


def version(number: str, **asks: list) -> bytes:
    """A build of the tool that keeps values, with another manifest."""
    manifest = {"name": "acme/notes", "version": number, "contract": "0.1.0", "licence": "MIT"} | asks
    return files.with_section(bare("kv"), "evenhand:manifest", json.dumps(manifest).encode())


def bare(name: str) -> bytes:
    """One of our components without its manifest, which is the last section."""
    data = wasm(name).read_bytes()
    at = data.rindex(b"evenhand:manifest")
    start = max(end for end in range(at - 8, at) if data[end] == 0)
    return data[:start]


KV = {"power": "kv", "name": "notes", "why": "keeps what it is told"}


@pytest.fixture
def running(tmp_path):
    (tmp_path / "1.wasm").write_bytes(version("1.0.0"))
    (tmp_path / "2.wasm").write_bytes(version("2.0.0", power=[KV]))
    entry = Plugin("notes", tmp_path / "1.wasm", {"namespace": "notes"})
    with Evenhand(tmp_path, config(entry, store=STORE)) as running:
        yield running


def keeps(running: Evenhand) -> bool:
    work = lambda client: client.call_tool("notes.set", {"key": "a", "value": "b"})  # noqa: E731
    try:
        told = talk(f"{running.url}/mcp", work)
    except MCPError as error:
        told = error
    if isinstance(told, MCPError) or told.is_error:
        assert "grant" in str(told), told
        return False
    return True


def test_an_upgrade_that_asks_for_more_gets_it_when_an_operator_says_so(running, tmp_path):
    assert not keeps(running)
    up = plugin(running, "upgrade", "notes", tmp_path / "2.wasm")
    assert up["about"]["version"] == "2.0.0" and [ask["why"] for ask in up["unmet"]] == [KV["why"]]
    assert not keeps(running), "it runs with the grant that it had"
    shown = told(running, "show", "notes")
    assert '+ asks, and is not granted, to keep values in the namespace "notes": keeps what it is told' in shown
    assert "evenhand plugin accept notes" in shown and "asks for more" in told(running, "list")
    accepted = plugin(running, "accept", "notes")
    assert "unmet" not in accepted and accepted["revision"] == 2
    assert keeps(running)
    # The way back is the component's, not the grant's: that it is wider than what is asked is told.
    back = plugin(running, "rollback", "notes")
    assert back["revision"] == 1 and back["unasked"] == ['keep values in the namespace "notes"']
    assert '- is granted, and does not ask, to keep values' in told(running, "show", "notes")


def test_the_grant_survives_a_restart(running, tmp_path):
    plugin(running, "upgrade", "notes", tmp_path / "2.wasm", "--accept")
    assert keeps(running)
    running.process.kill()
    running.process.wait()
    with Evenhand(tmp_path, running.file.read_text()) as again:
        assert keeps(again) and "unmet" not in again.plugins()["notes"]


def test_a_secret_needs_a_source_and_a_config_its_shape(running, tmp_path):
    secret = {"name": "key", "as": "bearer", "to": ["https://a.example"], "why": "pays"}
    (tmp_path / "3.wasm").write_bytes(version("3.0.0", secret=[secret]))
    plugin(running, "upgrade", "notes", tmp_path / "3.wasm")
    assert "key=env:" in refused(running, "accept", "notes")
    assert "NOT_SET_ANYWHERE" in refused(running, "accept", "notes", "--secret", "key=env:NOT_SET_ANYWHERE")
    (tmp_path / "secret").write_text("a-secret-of-sixteen-bytes")
    accepted = plugin(running, "accept", "notes", "--secret", f"key=file:{tmp_path / 'secret'}")
    assert "unmet" not in accepted and "a-secret-of-sixteen-bytes" not in json.dumps(accepted) + running.log()
    (tmp_path / "4.wasm").write_bytes(version("4.0.0", config={"type": "object", "required": ["town"]}))
    assert "town" in refused(running, "upgrade", "notes", tmp_path / "4.wasm")


def test_a_manifest_that_is_none_and_a_contract_of_the_future(running, tmp_path):
    broken = files.with_section(bare("kv"), "evenhand:manifest", b"{")
    (tmp_path / "broken.wasm").write_bytes(broken)
    assert "manifest" in refused(running, "upgrade", "notes", tmp_path / "broken.wasm")
    newer = version("5.0.0").replace(b'"contract": "0.1.0"', b'"contract": "9.1.0"')
    (tmp_path / "newer.wasm").write_bytes(newer)
    error = refused(running, "upgrade", "notes", tmp_path / "newer.wasm")
    assert "9.1.0" in error and "0.1.0" in error
    assert running.plugins()["notes"]["revision"] == 1


def test_what_a_component_says_of_itself_is_shown_without_running_it(tmp_path):
    (tmp_path / "2.wasm").write_bytes(version("2.0.0", power=[KV]))
    done = evenhand("inspect", tmp_path / "2.wasm")
    assert done.returncode == 0 and "acme/notes" in done.stdout and KV["why"] in done.stdout
