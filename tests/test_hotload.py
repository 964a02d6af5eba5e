"""Plugins come, change and go while requests run; what is broken changes nothing and says why."""

import os
import signal

import pytest

import wasm as files
from clients import CLIENTS
from harness import Evenhand, check, config, digest, finish, held_stream, provider, replace, secrets, wait_for, wasm
from vendors import OpenAIVendor

# What a refused file is told to be instead.
EXPECTED = "evenhand:plugin@0.1.0"


def says(running: Evenhand, dialect: str, model: str) -> str:
    client = running.client(dialect)
    return client.ask(model, [client.user("Hi")]).text


def refused(running: Evenhand, dialect: str, model: str) -> bool:
    client = running.client(dialect)
    try:
        client.ask(model, [client.user("Hi")])
    except client.errors.NotFoundError:
        return True
    return False


def test_plugins_are_added_and_removed(own_vendors, tmp_path):
    openai, anthropic = (provider(dialect, vendor) for dialect, vendor in own_vendors.items())
    with Evenhand(tmp_path, config(openai), secrets(own_vendors)) as running:
        assert set(running.plugins()) == {"openai"}
        assert refused(running, "anthropic", "anthropic/mock-echo")
        running.write(config(openai, anthropic))
        running.wait_for("anthropic to serve", lambda s: [p["state"] for p in s["plugins"]] == ["serving", "serving"])
        assert says(running, "openai", "anthropic/mock-echo") == "user: Hi"
        running.write(config(anthropic))
        running.wait_for("openai to go", lambda s: [p["name"] for p in s["plugins"]] == ["anthropic"])
        assert refused(running, "openai", "openai/mock-echo")
        assert says(running, "openai", "anthropic/mock-echo") == "user: Hi"


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_a_stream_in_flight_ends_on_the_revision_that_it_began_with(dialect, vendor, own_vendors, tmp_path):
    """Native and translated; the plugin's file is replaced, then its entry removed, while the stream waits."""
    file = tmp_path / "plugin.wasm"
    built = wasm(vendor).read_bytes()
    file.write_bytes(built)
    entry = provider(vendor, own_vendors[vendor], source=file)
    with Evenhand(tmp_path, config(entry), secrets(own_vendors)) as running:
        stream = held_stream(running, dialect, f"{vendor}/mock-gate", own_vendors[vendor])
        other = files.with_section(built, "build", b"two")
        replace(file, other)
        running.wait_for("the other build", lambda s: s["plugins"][0]["digest"] == digest(other))
        assert says(running, dialect, f"{vendor}/mock-echo") == "user: Hi"
        running.write(config())
        running.wait_for("the plugin to go", lambda s: s["plugins"] == [])
        assert refused(running, dialect, f"{vendor}/mock-echo")
        finish(*stream, own_vendors[vendor], dialect)


def test_an_entry_s_config_is_swapped(own_vendors, tmp_path):
    """The same file, another vendor behind it."""
    with OpenAIVendor(own_vendors["openai"].key) as second:
        with Evenhand(tmp_path, config(provider("openai", own_vendors["openai"])), secrets(own_vendors)) as running:
            says(running, "openai", "openai/mock-echo")
            assert not second.requests
            running.write(config(provider("openai", second)))

            def moved() -> bool:
                says(running, "openai", "openai/mock-echo")
                return any(r.path == "/v1/chat/completions" for r in second.requests)

            running.wait_for("calls to reach the second vendor", lambda _: moved())
            before = len(own_vendors["openai"].requests)
            says(running, "openai", "openai/mock-echo")
            assert len(own_vendors["openai"].requests) == before


BROKEN = {
    "garbage": b"this is no WebAssembly" * 50,
    "empty": b"",
    "truncated": None,
    "core module": files.core_module(),
    "component of no world": files.empty_component(),
}


def broken(kind: str) -> bytes:
    return BROKEN[kind] if BROKEN[kind] is not None else wasm("openai").read_bytes()[:5000]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_changes_nothing_and_says_why(kind, own_vendors, tmp_path):
    file = tmp_path / "openai.wasm"
    built = wasm("openai").read_bytes()
    file.write_bytes(built)
    with Evenhand(
        tmp_path, config(provider("openai", own_vendors["openai"], source=file)), secrets(own_vendors)
    ) as running:
        stream = held_stream(running, "openai", "openai/mock-gate", own_vendors["openai"])
        replace(file, broken(kind))
        error = running.wait_for("the reason", lambda s: s["plugins"][0].get("error"))
        plugin = running.plugins()["openai"]
        assert (plugin["state"], plugin["digest"]) == ("serving", digest(built))
        assert EXPECTED in error and EXPECTED in running.log()
        assert says(running, "anthropic", "openai/mock-echo") == "user: Hi"
        finish(*stream, own_vendors["openai"], "openai")
        # Mended, it serves again and the error is gone.
        mended = files.with_section(built, "build", b"mended")
        replace(file, mended)
        running.wait_for(
            "the mended file", lambda s: s["plugins"][0]["digest"] == digest(mended) and "error" not in s["plugins"][0]
        )


@pytest.mark.parametrize("kind", BROKEN)
def test_check_and_start_refuse_a_broken_file(kind, own_vendors, tmp_path):
    file = tmp_path / "broken.wasm"
    file.write_bytes(broken(kind))
    text = config(
        provider("openai", own_vendors["openai"], name="bad", source=file),
        provider("anthropic", own_vendors["anthropic"]),
        routes=[{"model": "either", "targets": [{"model": "bad/mock-echo"}, {"model": "anthropic/mock-echo"}]}],
    )
    result = check(tmp_path, text, secrets(own_vendors))
    told = result.stdout + result.stderr
    assert result.returncode != 0
    assert "bad" in told and EXPECTED in told
    with Evenhand(tmp_path, text, secrets(own_vendors)) as running:
        plugin = running.plugins()["bad"]
        assert plugin["state"] == "failed" and EXPECTED in plugin["error"]
        for dialect, status in (("openai", 503), ("anthropic", 529)):
            client = running.client(dialect)
            with pytest.raises(client.errors.APIStatusError, match='"bad" is not loaded') as caught:
                client.ask("bad/mock-echo", [client.user("Hi")])
            assert caught.value.status_code == status
            assert caught.value.response.headers["evenhand-plugin"] == "bad"
            assert says(running, dialect, "anthropic/mock-echo") == "user: Hi"
            # The route's first target is not loaded.
            assert says(running, dialect, "either") == "user: Hi"


def test_a_missing_file_is_told(own_vendors, tmp_path):
    text = config(provider("openai", own_vendors["openai"], source="no-such.wasm"))
    result = check(tmp_path, text, secrets(own_vendors))
    assert result.returncode != 0 and "no-such.wasm" in result.stdout + result.stderr


INVALID = {
    "no toml": ("[server\n", "line 1"),
    "unknown key": ("[server]\nmax_boddy = 3\n", "max_boddy"),
    "wrong type": ("[server]\nlisten = 5\n", "line 2"),
    "two plugins of a name": (
        '[[plugin]]\nname = "a"\nsource = "a"\n[[plugin]]\nname = "a"\nsource = "a"\n',
        "two plugins",
    ),
    "route to nowhere": ('[[route]]\nmodel = "r"\ntargets = [{ model = "nobody/x" }]\n', "nobody/x"),
    "key without secret": (
        '[[key]]\nname = "k"\nsecret = { env = "EVENHAND_TEST_UNSET" }\nmodels = ["*"]\n',
        "EVENHAND_TEST_UNSET",
    ),
    "open without keys": ('[server]\nlisten = "0.0.0.0:0"\n', "[[key]]"),
}


@pytest.mark.parametrize("kind", INVALID)
def test_check_names_what_is_invalid(kind, tmp_path):
    text, named = INVALID[kind]
    result = check(tmp_path, text)
    assert result.returncode != 0
    assert named in result.stdout + result.stderr


def test_an_invalid_config_changes_nothing_and_says_why(own_vendors, tmp_path):
    good = config(provider("openai", own_vendors["openai"]))
    with Evenhand(tmp_path, good, secrets(own_vendors)) as running:
        before = running.plugins()
        stream = held_stream(running, "openai", "openai/mock-gate", own_vendors["openai"])
        for text, named in INVALID.values():
            running.write(text)
            running.wait_for(f"an error with {named}", lambda s, named=named: named in (s.get("config_error") or ""))
            assert named in running.log()
            assert running.plugins() == before
            assert says(running, "openai", "openai/mock-echo") == "user: Hi"
        running.write(good)
        running.wait_for("the error to go", lambda s: not s.get("config_error"))
        finish(*stream, own_vendors["openai"], "openai")


def test_a_missing_secret_names_the_variable(own_vendors, tmp_path):
    text = config(provider("openai", own_vendors["openai"]))
    result = check(tmp_path, text)
    assert result.returncode != 0
    assert "EVENHAND_TEST_OPENAI_KEY" in result.stdout + result.stderr


def test_check_prints_what_each_plugin_could_do(own_vendors, tmp_path):
    text = config(*(provider(dialect, vendor) for dialect, vendor in own_vendors.items()))
    result = check(tmp_path, text, secrets(own_vendors))
    assert result.returncode == 0, result.stderr
    for dialect, vendor in own_vendors.items():
        assert dialect in result.stdout and f"POST {vendor.url}/" in result.stdout
        assert vendor.key not in result.stdout + result.stderr


def test_a_hangup_reloads_what_looking_can_not_see(own_vendors, tmp_path):
    """A change that leaves inode, size and time as they were."""
    text = config(provider("openai", own_vendors["openai"]))
    with Evenhand(tmp_path, text, secrets(own_vendors)) as running:
        assert set(running.plugins()) == {"openai"}
        before = running.file.stat()
        running.file.write_text(text.replace('name = "openai"', 'name = "opener"'))
        os.utime(running.file, ns=(before.st_atime_ns, before.st_mtime_ns))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("the new name", lambda s: [p["name"] for p in s["plugins"]] == ["opener"])
        assert says(running, "anthropic", "opener/mock-echo") == "user: Hi"


def test_a_link_that_is_turned_elsewhere_is_followed(own_vendors, tmp_path):
    """As Kubernetes mounts a ConfigMap: the file is a link into a folder that is a link."""
    both = [provider(dialect, vendor) for dialect, vendor in own_vendors.items()]
    for version, plugins in (("one", both), ("two", both[:1])):
        (tmp_path / version).mkdir()
        (tmp_path / version / "evenhand.toml").write_text(config(*plugins))
    running = Evenhand(tmp_path, "", secrets(own_vendors))
    (tmp_path / "data").symlink_to("one")
    running.file.unlink()
    running.file.symlink_to("data/evenhand.toml")
    with running:
        assert set(running.plugins()) == {"openai", "anthropic"}
        (tmp_path / "data.part").symlink_to("two")
        (tmp_path / "data.part").rename(tmp_path / "data")
        running.wait_for("anthropic to go", lambda s: [p["name"] for p in s["plugins"]] == ["openai"])


def test_a_secret_s_file_is_read_again_when_it_changes(own_vendors, tmp_path):
    """A vendor's, and a client's."""
    ours, theirs = tmp_path / "vendor-key", tmp_path / "client-key"
    ours.write_text("sk-not-yet-the-right-one\n")
    theirs.write_text("sk-client-1\n")
    entry = provider("openai", own_vendors["openai"])
    del entry.grant["secrets"]["api_key"]["env"]
    entry.grant["secrets"]["api_key"]["file"] = ours
    key = {"name": "team", "secret": {"file": theirs}, "models": ["*"]}
    with Evenhand(tmp_path, config(entry, keys=[key])) as running:

        def said(key: str) -> str:
            client = running.client("openai", key)
            try:
                return client.ask("openai/mock-echo", [client.user("Hi")]).text
            except client.errors.AuthenticationError as error:
                return error.message

        assert "Incorrect API key" in said("sk-client-1"), "the vendor's words"
        replace(ours, own_vendors["openai"].key.encode())
        wait_for("the vendor to take the new credential", lambda: said("sk-client-1") == "user: Hi")
        replace(theirs, b"sk-client-2")
        wait_for("the new key to open", lambda: said("sk-client-2") == "user: Hi")
        assert "not known" in said("sk-client-1")
        # An empty one changes nothing and says why.
        replace(theirs, b"\n")
        running.wait_for("the reason", lambda s: str(theirs) in (s.get("config_error") or ""))
        assert said("sk-client-2") == "user: Hi"


def test_a_key_is_added_while_it_runs(own_vendors, tmp_path):
    entry = provider("openai", own_vendors["openai"])
    with Evenhand(tmp_path, config(entry), secrets(own_vendors) | {"NEW_KEY": "sk-new"}) as running:
        assert says(running, "openai", "openai/mock-echo") == "user: Hi"
        running.write(config(entry, keys=[{"name": "new", "secret": {"env": "NEW_KEY"}, "models": ["*"]}]))
        client, stranger = running.client("openai", "sk-new"), running.client("openai", "sk-client")

        def locked(_: dict) -> bool:
            try:
                stranger.ask("openai/mock-echo", [client.user("Hi")])
            except stranger.errors.AuthenticationError:
                return True
            return False

        running.wait_for("keys to be asked for", locked)
        assert client.ask("openai/mock-echo", [client.user("Hi")]).text == "user: Hi"
