"""Components from a real registry, and who may have signed them: everything that is not as it must be is refused, and what served
serves on."""

import re
from pathlib import Path

import pytest

import wasm as files
from harness import Evenhand, Plugin, config, digest, replace, wait_for, wasm
from mcp_servers import talk
from oci_registry import Registry
from operators import evenhand, plugin, refused, revisions, told

STORE = {"url": "sqlite://evenhand.db"}
PASSWORD = {"EVENHAND_KEY_PASSWORD": "of the tests"}


def build(number: int) -> bytes:
    return files.with_section(wasm("calc").read_bytes(), "build", f"registry {number}".encode())


def key(folder: Path, name: str) -> Path:
    """A new key; its public half is beside it."""
    done = evenhand("key", "new", folder / name, env=PASSWORD)
    assert done.returncode == 0, done.stderr
    return folder / f"{name}.key"


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "registry").mkdir()
    with Registry(tmp_path) as running:
        yield running


def publish(registry: Registry, folder: Path, number: int, tag: str, signed_by: Path | None = None) -> str:
    """Publishes a build of the calculator; the reference that is pinned to it."""
    file = folder / f"calc-{number}.wasm"
    file.write_bytes(build(number))
    words = ["publish", file, f"oci://{registry.host}/evenhand/calc:{tag}"]
    done = evenhand(*words, *(["--key", signed_by] if signed_by else []), env=PASSWORD)
    assert done.returncode == 0, done.stderr
    pinned = done.stdout.strip()
    assert re.fullmatch(rf"oci://{registry.host}/evenhand/calc:{re.escape(tag)}@sha256:[0-9a-f]{{64}}", pinned), done
    return pinned


def computes(running: Evenhand, name: str = "calc") -> str:
    work = lambda client: client.call_tool(f"{name}.calculate", {"expression": "6 * 7"})  # noqa: E731
    return str(talk(f"{running.url}/mcp", work).content)


def trusting(text: str, *keys: Path, names: str = "evenhand/*") -> str:
    lists = [f'[[trust]]\nkey = "{key.with_suffix(".pub")}"\nnames = ["{names}"]\n' for key in keys]
    return "\n".join([text, *lists])


def test_by_tag_and_by_digest_and_a_tag_that_moves(registry, tmp_path):
    one = publish(registry, tmp_path, 1, "latest")
    tag = f"oci://{registry.host}/evenhand/calc:latest"
    with Evenhand(tmp_path, config(Plugin("calc", tag), store=STORE)) as running:
        assert running.plugins()["calc"]["digest"] == digest(build(1)) and "42" in computes(running)
        two = publish(registry, tmp_path, 2, "latest")
        # A tag brings other code when somebody says so, not when something else changes.
        running.write(config(Plugin("calc", tag, limits={"concurrency": 9}), store=STORE))
        running.write(config(Plugin("calc", tag, limits={"concurrency": 8}), Plugin("pinned", one), store=STORE))
        running.wait_for("the pinned one", lambda s: [p["digest"] for p in s["plugins"]] == [digest(build(1))] * 2)
        assert plugin(running, "upgrade", "calc")["digest"] == digest(build(2))
        assert plugin(running, "upgrade", "calc", one)["digest"] == digest(build(1))
        assert plugin(running, "upgrade", "calc", two)["digest"] == digest(build(2))
        assert "42" in computes(running)
        shown = plugin(running, "show", "calc")
        assert shown["plugin"]["about"]["name"] == "evenhand/calc" and shown["plugin"]["about"]["image"] == two.split("@")[1]


def test_a_tag_that_was_taken_back_brings_nothing_else(registry, tmp_path):
    publish(registry, tmp_path, 1, "1")
    publish(registry, tmp_path, 2, "2")
    first = Plugin("calc", f"oci://{registry.host}/evenhand/calc:1")
    with Evenhand(tmp_path, config(first, store=STORE)) as running:
        up = plugin(running, "upgrade", "calc", f"oci://{registry.host}/evenhand/calc:2", "--canary", "10%")
        assert up["canary"]["digest"] == digest(build(2))
        assert "canary" not in plugin(running, "rollback", "calc")
        publish(registry, tmp_path, 3, "2")
        running.write(config(first, Plugin("another", wasm("kv"), {"namespace": "n"}), store=STORE))
        running.wait_for("the reload", lambda s: len(s["plugins"]) == 2)
        assert running.plugins()["calc"]["digest"] == digest(build(1))
    with running:
        assert running.plugins()["calc"]["digest"] == digest(build(1)) and "error" not in running.plugins()["calc"]


def test_a_registry_that_is_down_takes_nothing_off_the_air(registry, tmp_path):
    publish(registry, tmp_path, 1, "1")
    publish(registry, tmp_path, 2, "2")
    text = config(Plugin("calc", f"oci://{registry.host}/evenhand/calc:1"), store=STORE)
    with Evenhand(tmp_path, text) as running:
        assert "42" in computes(running)
        registry.__exit__()
        refused(running, "upgrade", "calc", f"oci://{registry.host}/evenhand/calc:2")
        assert plugin(running, "show", "calc")["plugin"]["digest"] == digest(build(1)) and "42" in computes(running)
    with running:
        # Nor after a restart, with nothing to ask.
        assert running.plugins()["calc"]["state"] == "serving" and "error" not in running.plugins()["calc"]
        assert "42" in computes(running)
        with registry:
            up = plugin(running, "upgrade", "calc", f"oci://{registry.host}/evenhand/calc:2")
            assert up["digest"] == digest(build(2)) and "42" in computes(running)


def test_a_layer_that_was_changed_is_refused(registry, tmp_path):
    one, two = publish(registry, tmp_path, 1, "1"), publish(registry, tmp_path, 2, "2")
    layer = registry.manifest("evenhand/calc", "2")["layers"][0]["digest"]
    stored = registry.blob(layer)
    changed = bytearray(stored.read_bytes())
    changed[-1] ^= 1
    stored.write_bytes(changed)
    with Evenhand(tmp_path, config(Plugin("calc", one), store=STORE)) as running:
        error = refused(running, "upgrade", "calc", two)
        assert layer in error.replace(two, ""), error
        assert "42" in computes(running) and revisions(running, "calc") == [(1, "serving")]


def test_only_a_trusted_key_may_sign_a_name(registry, tmp_path):
    acme, other = key(tmp_path, "acme"), key(tmp_path, "other")
    signed = publish(registry, tmp_path, 1, "signed", acme)
    unsigned = publish(registry, tmp_path, 2, "unsigned")
    strange = publish(registry, tmp_path, 3, "strange", other)
    with Evenhand(tmp_path, trusting(config(Plugin("calc", signed), store=STORE), acme)) as running:
        assert "42" in computes(running)
        assert "signed by the key" in told(running, "show", "calc")
        for reference in (unsigned, strange):
            error = refused(running, "upgrade", "calc", reference)
            assert "evenhand/calc" in error and "sign" in error
        assert "42" in computes(running)
        assert revisions(running, "calc") == [(1, "serving"), (2, "failed"), (3, "failed")]
        # A second signature, by the right key, makes it good.
        more = evenhand("sign", strange, "--key", acme, env=PASSWORD)
        assert more.returncode == 0, more.stderr
        assert plugin(running, "upgrade", "calc", strange)["digest"] == digest(build(3))
        # And another's name is not theirs.
        running.write(trusting(config(Plugin("calc", signed), store=STORE), acme, names="acme/*"))
        error = running.wait_for("the refusal", lambda s: s["plugins"][0].get("error"))
        assert "evenhand/calc" in error


def test_files_are_signed_beside_them(tmp_path):
    acme, other = key(tmp_path, "acme"), key(tmp_path, "other")
    file = tmp_path / "calc.wasm"
    file.write_bytes(build(1))
    sign = lambda by: evenhand("sign", file, "--key", by, env=PASSWORD)  # noqa: E731
    with Evenhand(tmp_path, trusting(config(Plugin("calc", file), store=STORE), acme)) as running:
        assert running.plugins()["calc"]["state"] == "failed"
        assert sign(acme).returncode == 0
        running.wait_for("the signed one", lambda s: s["plugins"][0]["state"] == "serving")
        assert "42" in computes(running)
        # Other bytes under the signature.
        replace(file, build(2))
        error = running.wait_for("the refusal", lambda s: s["plugins"][0].get("error"))
        assert "sign" in error and running.plugins()["calc"]["digest"] == digest(build(1))
        assert sign(other).returncode == 0
        wait_for("the file's new signature", lambda: file.with_suffix(".wasm.sig").exists())
        assert "42" in computes(running)
        assert sign(acme).returncode == 0
        running.wait_for("the new one", lambda s: s["plugins"][0]["digest"] == digest(build(2)))


def test_trust_that_is_taken_back_takes_its_components_off_the_air(tmp_path):
    acme, other = key(tmp_path, "acme"), key(tmp_path, "other")
    file = tmp_path / "calc.wasm"
    file.write_bytes(build(1))
    assert evenhand("sign", file, "--key", acme, env=PASSWORD).returncode == 0
    text = config(Plugin("calc", file), store=STORE)
    with Evenhand(tmp_path, trusting(text, acme, other)) as running:
        assert "42" in computes(running)
        running.write(trusting(text, other))
        running.wait_for("its end", lambda s: s["plugins"][0]["state"] == "failed")
        running.write(trusting(text, other, acme))
        running.wait_for("its return", lambda s: s["plugins"][0]["state"] == "serving")
        assert "42" in computes(running)


@pytest.mark.parametrize("rule", ["*", "*/calc", ".*", ""])
def test_nobody_is_trusted_for_everything(rule, tmp_path):
    acme = key(tmp_path, "acme")
    text = config(store=STORE)
    with Evenhand(tmp_path, text) as running:
        running.write(trusting(text, acme, names=rule))
        error = running.wait_for("the refusal", lambda s: s.get("config_error"))
        assert "trust" in error
