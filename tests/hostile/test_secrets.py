"""Attacks on secrets: lines 28 to 32 of the threats."""

import json
from urllib.parse import quote_plus

from harness import in_shape, named
from stage import NAME
from test_network import all_refused, towards

# Letters that stand nowhere else, and two that a query has another form for.
SECRET = "sKqZwX/jVfYpQh+GkWzUbR"
ENV = {"EVENHAND_TEST_ATTACKER_KEY": SECRET}


def granted(*to: str) -> dict:
    """A secret `key` that is bound to these origins."""
    return {"key": {"env": "EVENHAND_TEST_ATTACKER_KEY", "as": "bearer", "to": list(to)}}


def nothing_of(secret: str, text: str) -> None:
    """No piece of a secret that would help to guess the rest stands in a text."""
    pieces = {secret[at : at + 6] for at in range(len(secret) - 5)}
    assert not {piece for piece in pieces if piece in text}, text[:2000]


def test_28_another_plugin_s_secret(begin, target, other):
    """The neighbour's `api_key` is asked for towards a server that the attacker may reach."""
    stage = begin("a28_others_secret", **towards(target, other, f"GET {target.url}/*"))
    all_refused(stage, 'no secret "api_key" is granted', "is granted")
    assert target.connections == 0


def test_29_a_secret_towards_a_host_that_it_is_not_bound_to(begin, target, other):
    rules = [f"GET {target.url}/*", f"GET {other.url}/*"]
    stage = begin("a29_unbound", **towards(target, other, *rules, secrets=granted(target.url)), env=ENV)
    for number in range(4):
        stage.fails(403, f'the secret "key" is not bound to {other.url}', said=str(number))
    stage.denied("is not bound to", to=f"GET {other.url}")
    assert other.connections == 0
    stage.lives()


def test_30_an_echo_of_its_secret(begin, target, other):
    """The server got it; what it says back, in one piece or many, has as many stars."""
    stage = begin("a30_echo", **towards(target, other, f"GET {target.url}/*", secrets=granted(target.url)), env=ENV)
    stars = f"Bearer {'*' * len(SECRET)}"
    for path in ("/echo", *(f"/pieces/{size}" for size in (1, 2, 3, 7, 16, 22, 64))):
        said = stage.says(path)
        assert target.arrived[-1].header("authorization") == f"Bearer {SECRET}"
        assert f"authorization: {stars}\n" in said
        assert said.splitlines()[0] == (stars if path == "/echo" else "")
        nothing_of(SECRET, said)
    nothing_of(SECRET, stage.running.log() + stage.audit.read_text())
    stage.lives()


def test_30_an_echo_of_most_of_it(begin, target, other):
    """Each whole occurrence has its stars, and no other byte is changed."""
    stage = begin("a30_echo", **towards(target, other, f"GET {target.url}/*", secrets=granted(target.url)), env=ENV)
    stars = "*" * len(SECRET)
    assert stage.says("/twice") == f"\n{stars}{SECRET[:-1]}{stars * 2}{SECRET[1:]}"


def test_30_an_echo_that_can_t_be_read(begin, target, other):
    """Where the host can't look for it, the answer isn't handed on."""
    stage = begin("a30_echo", **towards(target, other, f"GET {target.url}/*", secrets=granted(target.url)), env=ENV)
    for coding in ("gzip", "br", "zstd"):
        stage.fails(403, f"content-encoding: {coding}", "can't be masked", said=f"/encoded/{coding}")
        assert target.arrived[-1].header("accept-encoding") == "identity"
    stage.denied("can't be masked", to=f"GET {target.url}")
    stage.lives()


def test_30_a_short_secret_is_refused(begin, target, other):
    """One that would be found by chance is attached nowhere."""
    short = {"EVENHAND_TEST_ATTACKER_KEY": "sk-short"}
    stage = begin("a30_echo", **towards(target, other, f"GET {target.url}/*", secrets=granted(target.url)), env=short)
    error = stage.failed_to_load()
    assert "one under 16" in error and "sk-short" not in error
    assert target.connections == 0


def test_31_looking_around(begin, target, other, openai_vendor):
    grant = towards(target, other, f"GET {target.url}/*", secrets=granted(target.url))
    stage = begin("a31_around", **grant, env=ENV | {"RUST_LOG": "trace"})
    found = json.loads(stage.says(target.url.removeprefix("http://")))
    assert found == {
        "environment": [],
        "arguments": 0,
        "folder": found["folder"],
        "files": [],
        "written": False,
        "connected": False,
        "listened": False,
        "sent": False,
        "resolved": False,
        "input": "",
        "weights": [],
        "config": {"granted": target.url, "other": other.url},
        "clock": True,
    }
    assert target.connections == 0
    # Not even where the host logs all it can.
    everywhere = json.dumps(found) + stage.running.log() + stage.audit.read_text()
    nothing_of(SECRET, everywhere)
    assert openai_vendor.key not in everywhere


def test_32_logging_it(begin, target, other):
    """What is echoed to it, and the value itself where it knows it: neither stands in the operator's log."""
    stage = begin("a32_logging", **towards(target, other, f"GET {target.url}/*", secrets=granted(target.url)), env=ENV)
    answer = stage.ask(SECRET)
    assert (answer.status_code, named(answer)) == (502, NAME)
    in_shape("openai", answer)
    stage.lives()
    log = stage.running.log()
    assert log.count("*" * len(SECRET)) >= 7
    assert SECRET not in log and SECRET not in stage.audit.read_text()
    nothing_of(SECRET, log)


def test_32_logging_it_as_it_stands_in_a_query(begin, target, other):
    """The value's form in a query is masked too."""
    stage = begin("a32_logging", **towards(target, other, f"GET {target.url}/*", secrets=granted(target.url)), env=ENV)
    stage.ask(quote_plus(SECRET))
    stage.lives()
    assert quote_plus(SECRET) != SECRET and quote_plus(SECRET) not in stage.running.log()
