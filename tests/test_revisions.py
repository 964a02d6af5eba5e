"""What operators do with a running host's plugins: add, upgrade, go back, pin, accept, remove; and what a restart finds."""

import pytest

import wasm as files
from harness import (
    Evenhand,
    config,
    digest,
    finish,
    held_stream,
    provider,
    replace,
    secrets,
    toml,
    wait_for,
    wasm,
)
from operators import evenhand, plugin, refused, revisions, told

STORE = {"url": "sqlite://evenhand.db"}


def built(number: int) -> bytes:
    """A build of the provider."""
    return files.with_section(wasm("openai").read_bytes(), "build", f"number {number}".encode())


def says(running: Evenhand, model: str = "openai/mock-echo") -> str:
    client = running.client("openai")
    return client.ask(model, [client.user("Hi")]).text


@pytest.fixture
def vendor(own_vendors):
    return {"openai": own_vendors["openai"]}


@pytest.fixture
def entry(vendor, tmp_path):
    """An entry of the file, whose component is build 1."""
    file = tmp_path / "one.wasm"
    file.write_bytes(built(1))
    for number in (2, 3):
        (tmp_path / f"{number}.wasm").write_bytes(built(number))
    return provider("openai", vendor["openai"], source=file)


def start(tmp_path, vendor, *entries, **tables) -> Evenhand:
    return Evenhand(tmp_path, config(*entries, **({"store": STORE} | tables)), secrets(vendor))


def test_upgrade_roll_back_and_what_a_restart_finds(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        assert revisions(running, "openai") == [(1, "serving")]
        up = plugin(running, "upgrade", "openai", tmp_path / "2.wasm")
        assert (up["revision"], up["previous"], up["digest"]) == (2, 1, digest(built(2)))
        assert says(running) == "user: Hi"
        wait_for("revision 1 to retire", lambda: revisions(running, "openai") == [(1, "retired"), (2, "serving")])
        shown = plugin(running, "show", "openai")["revisions"][0]
        assert shown["source"] == str(tmp_path / "2.wasm") and shown["by"] == "local"
    # An upgrade is an override: the file still names the other.
    with running:
        assert running.plugins()["openai"]["digest"] == digest(built(2))
        back = plugin(running, "rollback", "openai")
        assert (back["revision"], back["previous"], back["held"]) == (1, 2, True)
        assert says(running) == "user: Hi"
    with running:
        assert running.plugins()["openai"]["digest"] == digest(built(1))
        wait_for("its line", lambda: revisions(running, "openai") == [(1, "serving"), (2, "retired")])
        # Forth again, to a number.
        assert plugin(running, "rollback", "openai", "--to", "2")["digest"] == digest(built(2))
        assert "no revision 9" in refused(running, "rollback", "openai", "--to", "9")
        assert says(running) == "user: Hi"


def test_a_change_holds_until_the_entry_of_the_file_changes(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        plugin(running, "upgrade", "openai", tmp_path / "2.wasm")
        # Another part of the file, and the file that the entry names: neither is the entry.
        replace(tmp_path / "one.wasm", built(3))
        running.write(config(entry, store=STORE, keys=[], routes=[{"model": "r", "targets": [{"model": "openai/mock-echo"}]}]))
        wait_for("the route", lambda: "r" in [m.id for m in running.client("openai").sdk.models.list()])
        assert running.plugins()["openai"]["digest"] == digest(built(2))
        entry.limits = {"concurrency": 7}
        running.write(config(entry, store=STORE))
        running.wait_for("the entry's own", lambda s: s["plugins"][0]["digest"] == digest(built(3)))
        assert says(running) == "user: Hi"


def test_a_held_plugin_does_not_follow_its_source(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        assert plugin(running, "pin", "openai")["held"] is True
        replace(tmp_path / "one.wasm", built(2))
        running.write(config(entry, store=STORE, routes=[{"model": "r", "targets": [{"model": "openai/mock-echo"}]}]))
        wait_for("the route", lambda: "r" in [m.id for m in running.client("openai").sdk.models.list()])
        assert running.plugins()["openai"]["digest"] == digest(built(1))
    with running:
        assert running.plugins()["openai"]["digest"] == digest(built(1)), "its bytes are in the store"
        assert plugin(running, "pin", "openai", "--off")["digest"] == digest(built(2))


def test_what_served_serves_after_a_restart_whose_source_is_gone(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        assert says(running) == "user: Hi"
    (tmp_path / "one.wasm").unlink()
    with running:
        status = running.plugins()["openai"]
        assert (status["state"], status["digest"]) == ("serving", digest(built(1)))
        assert "one.wasm" in status["error"]
        assert says(running) == "user: Hi"


def test_plugins_are_added_and_removed(entry, vendor, tmp_path):
    more = tmp_path / "more.toml"
    lines = [f"{name} = {toml(getattr(entry, name))}" for name in ("config", "grant")]
    more.write_text("\n".join(lines))
    with start(tmp_path, vendor) as running:
        added = plugin(running, "add", "mine", tmp_path / "2.wasm", "--entry", more)
        assert (added["state"], added["added"], added["revision"]) == ("serving", True, 1)
        assert says(running, "mine/mock-echo") == "user: Hi"
        assert "upgrade it" in refused(running, "add", "mine", tmp_path / "3.wasm")
    with running:
        assert says(running, "mine/mock-echo") == "user: Hi"
        assert "mine" in told(running, "list") and "added by the API" in told(running, "list")
        plugin(running, "remove", "mine")
        assert running.plugins() == {}
        assert "no plugin \"mine\"" in refused(running, "upgrade", "mine")
        assert plugin(running, "show", "mine")["revisions"][0]["state"] == "retired"
    with running:
        assert running.plugins() == {}


def test_a_name_of_the_file_is_the_file_s(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        assert "configuration file" in refused(running, "add", "openai", tmp_path / "2.wasm")
        assert "configuration file" in refused(running, "remove", "openai")


@pytest.mark.parametrize("words", [["add", "x", "nowhere.wasm"], ["upgrade", "openai", "nowhere.wasm"], ["upgrade", "openai", "oci://127.0.0.1:9/a/b:c"]])
def test_what_can_t_be_had_changes_nothing(words, entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        before = running.plugins()
        assert words[2].split("/")[-1].split(":")[0] in refused(running, *words)
        assert running.plugins() == before
        assert says(running) == "user: Hi"


def test_a_broken_component_is_a_failed_revision(entry, vendor, tmp_path):
    (tmp_path / "broken.wasm").write_bytes(built(1)[:-50])
    with start(tmp_path, vendor, entry) as running:
        refused(running, "upgrade", "openai", tmp_path / "broken.wasm")
        assert revisions(running, "openai") == [(1, "serving"), (2, "failed")]
        assert plugin(running, "show", "openai")["revisions"][0]["reason"]
        assert says(running) == "user: Hi"


def test_without_a_store_nothing_is_promised(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry, store=None) as running:
        for words in (["upgrade", "openai"], ["add", "x", tmp_path / "2.wasm"], ["pin", "openai"], ["rollback", "openai"]):
            assert "[store]" in refused(running, *words)
        assert revisions(running, "openai") == [(1, "serving")]


def test_an_entry_names_the_only_component_that_may_serve(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        text = config(entry, store=STORE).replace("[[plugin]]\n", f'[[plugin]]\ndigest = "{digest(built(2))}"\n')
        running.write(text)
        error = running.wait_for("the reason", lambda s: s["plugins"][0].get("error"))
        assert digest(built(1)) in error and digest(built(2)) in error
        replace(tmp_path / "one.wasm", built(2))
        running.wait_for("the wanted one", lambda s: s["plugins"][0]["digest"] == digest(built(2)))


def test_a_call_that_does_not_end_is_ended_after_the_drain_limit(entry, vendor, tmp_path):
    entry.limits = {"drain": "1s"}
    with start(tmp_path, vendor, entry) as running:
        thread, outcome = held_stream(running, "openai", "openai/mock-gate", vendor["openai"])
        plugin(running, "upgrade", "openai", tmp_path / "2.wasm")
        assert revisions(running, "openai")[0] == (1, "draining")
        thread.join(30)
        vendor["openai"].open_gate()
        assert "limits.drain" in str(outcome["error"])
        wait_for("the end of revision 1", lambda: revisions(running, "openai")[0] == (1, "retired"))
        assert says(running) == "user: Hi"


def test_a_call_in_flight_ends_on_the_revision_that_is_rolled_back(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        plugin(running, "upgrade", "openai", tmp_path / "2.wasm")
        stream = held_stream(running, "openai", "openai/mock-gate", vendor["openai"])
        assert plugin(running, "rollback", "openai")["revision"] == 1
        assert says(running) == "user: Hi"
        finish(*stream, vendor["openai"], "openai")


def test_words_for_people(entry, vendor, tmp_path):
    with start(tmp_path, vendor, entry) as running:
        plugin(running, "upgrade", "openai", tmp_path / "2.wasm")
        rows = told(running, "list").splitlines()
        assert rows[0].split() == ["NAME", "STATE", "REVISION", "VERSION", "SOURCE"] and rows[1].startswith("openai")
        assert "revision 2" in told(running, "show", "openai")
    nobody = evenhand("plugin", "list", "--url", "http://127.0.0.1:9")
    assert nobody.returncode == 1 and "is it running" in nobody.stderr


def test_the_token_is_asked_for_and_in_no_output(entry, vendor, tmp_path):
    entries = config(entry, store=STORE, admin={"token": {"env": "T"}})
    with Evenhand(tmp_path, entries, secrets(vendor) | {"T": "the-operators-token"}) as running:
        words = ("plugin", "list", "--url", running.admin)
        denied = evenhand(*words)
        assert denied.returncode == 1 and "EVENHAND_ADMIN_TOKEN" in denied.stderr
        good = evenhand(*words, env={"EVENHAND_ADMIN_TOKEN": "the-operators-token"})
        assert good.returncode == 0 and "the-operators-token" not in good.stdout + running.log()
