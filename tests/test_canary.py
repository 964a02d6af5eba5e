"""A new revision gets a share of the calls, and is taken back when it is worse."""

import pytest

import wasm as files
from harness import Evenhand, config, digest, provider, replace, secrets, wait_for, wasm
from operators import plugin, refused, revisions, told

STORE = {"url": "sqlite://evenhand.db"}


def good(number: int) -> bytes:
    return files.with_section(wasm("openai").read_bytes(), "build", f"canary {number}".encode())


def bad() -> bytes:
    """It loads, and knows no model of the other."""
    return wasm("test/misbehaving").read_bytes()


@pytest.fixture
def vendor(own_vendors):
    return {"openai": own_vendors["openai"]}


@pytest.fixture
def entry(vendor, tmp_path):
    (tmp_path / "1.wasm").write_bytes(good(1))
    (tmp_path / "2.wasm").write_bytes(good(2))
    (tmp_path / "bad.wasm").write_bytes(bad())
    return provider("openai", vendor["openai"], source=tmp_path / "1.wasm")


def start(tmp_path, vendor, text) -> Evenhand:
    return Evenhand(tmp_path, text, secrets(vendor))


def ask(running: Evenhand) -> bool:
    client = running.client("openai", max_retries=0)
    try:
        return client.ask("openai/mock-echo", [client.user("Hi")]).text == "user: Hi"
    except client.errors.APIStatusError:
        return False


def test_a_good_one_gets_its_share_and_is_promoted_by_hand(entry, vendor, tmp_path):
    with start(tmp_path, vendor, config(entry, store=STORE)) as running:
        up = plugin(running, "upgrade", "openai", tmp_path / "2.wasm", "--canary", "30%")
        assert (up["revision"], up["digest"]) == (1, digest(good(1)))
        assert (up["canary"]["revision"], up["canary"]["digest"]) == (2, digest(good(2)))
        assert all(ask(running) for _ in range(100))
        canary = running.plugins()["openai"]["canary"]
        calls = canary["new"]["calls"], canary["old"]["calls"]
        assert sum(calls) == 100 and canary["new"]["errors"] == canary["old"]["errors"] == 0
        # Six standard deviations.
        assert 3 <= calls[0] <= 57, calls
        assert "on trial" in told(running, "list") and "on trial with 30%" in told(running, "show", "openai")
    with running:
        # It goes on after a restart.
        assert running.plugins()["openai"]["canary"]["revision"] == 2
        done = plugin(running, "promote", "openai")
        assert (done["revision"], done["previous"]) == (2, 1) and "canary" not in done
        assert ask(running)
        assert "on trial" in refused(running, "promote", "openai")
        assert plugin(running, "rollback", "openai")["revision"] == 1


def test_a_bad_one_is_taken_back_by_itself(entry, vendor, tmp_path):
    with start(tmp_path, vendor, config(entry, store=STORE)) as running:
        plugin(running, "upgrade", "openai", tmp_path / "bad.wasm", "--canary", "50%")
        failures = 0
        for _ in range(200):
            failures += not ask(running)
            if "canary" not in running.plugins()["openai"]:
                break
        status = running.plugins()["openai"]
        assert "canary" not in status and status["revision"] == 1
        assert 3 <= failures <= 20, failures
        assert "calls failed" in status["error"]
        assert revisions(running, "openai") == [(1, "serving"), (2, "failed")]
        assert "calls failed" in plugin(running, "show", "openai")["revisions"][0]["reason"]
        assert all(ask(running) for _ in range(30))
    with running:
        assert running.plugins()["openai"]["revision"] == 1 and all(ask(running) for _ in range(10))


def test_a_good_one_is_promoted_by_itself_where_that_is_asked_for(entry, vendor, tmp_path):
    with start(tmp_path, vendor, config(entry, store=STORE)) as running:
        words = ("upgrade", "openai", tmp_path / "2.wasm", "--canary", "50%", "--promote-after", "20")
        plugin(running, *words)

        def promoted() -> bool:
            assert ask(running)
            return running.plugins()["openai"]["revision"] == 2

        wait_for("revision 2 to get all calls", promoted)
        assert "canary" not in running.plugins()["openai"]


def test_an_operator_takes_it_back(entry, vendor, tmp_path):
    with start(tmp_path, vendor, config(entry, store=STORE)) as running:
        plugin(running, "upgrade", "openai", tmp_path / "2.wasm", "--canary", "50%")
        back = plugin(running, "rollback", "openai")
        assert back["revision"] == 1 and "canary" not in back
        assert revisions(running, "openai") == [(1, "serving"), (2, "failed")]
        # Asked for again, it is tried again.
        assert plugin(running, "upgrade", "openai")["revision"] == 2


def test_by_the_file_alone(entry, vendor, tmp_path):
    """The entry says how new components begin; a bad one that was taken back is not tried again, another is."""
    text = config(entry).replace("[[plugin]]\n", '[[plugin]]\ncanary = { share = "50%", promote_after = 20 }\n')
    with start(tmp_path, vendor, text) as running:
        assert ask(running) and "canary" not in running.plugins()["openai"], "the first has nothing beside it"
        replace(tmp_path / "1.wasm", bad())
        running.wait_for("the trial", lambda s: s["plugins"][0].get("canary"))

        def over() -> bool:
            ask(running)
            return "canary" not in running.plugins()["openai"]

        wait_for("its end", over)
        assert running.plugins()["openai"]["digest"] == digest(good(1))
        running.write(text + "\n# looked at again\n")
        assert all(ask(running) for _ in range(20))
        assert running.plugins()["openai"]["digest"] == digest(good(1))
        replace(tmp_path / "1.wasm", good(2))
        wait_for("the next", lambda: ask(running) and running.plugins()["openai"]["digest"] == digest(good(2)))


@pytest.mark.parametrize("share", ["0%", "100%", "ten", "10"])
def test_a_share_that_is_none_is_named(share, entry, vendor, tmp_path):
    with start(tmp_path, vendor, config(entry, store=STORE)) as running:
        assert share in refused(running, "upgrade", "openai", tmp_path / "2.wasm", "--canary", share)
