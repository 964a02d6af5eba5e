"""Attacks on the way out: lines 18 to 27 of the threats. What must not arrive is looked for where it would."""

import itertools
import json
from collections.abc import Iterator

import httpx
import pytest

from harness import PLUGINS, in_shape, named, need, wait_for
from stage import NAME, Stage
from target import Target

# The last words of an attack whose requests are numbered.
NO_MORE = "no more"


def outcomes(stage: Stage) -> Iterator[tuple[int, httpx.Response]]:
    """Each of an attack's requests, and what came of it."""
    for number in itertools.count():
        answer = stage.ask(str(number))
        if NO_MORE in answer.text:
            assert number > 3, "the attack is there"
            return
        yield number, answer


def refused(answer: httpx.Response) -> str:
    """The message of a refusal, which must be typed."""
    assert (answer.status_code, named(answer)) == (403, NAME), answer.text
    message = in_shape("openai", answer)
    assert message.startswith(f"{NAME}: "), message
    return message


def all_refused(stage: Stage, words: str, *others: str) -> None:
    """Every request of the attack is refused with these words (or, some, with others), on record and counted."""
    messages = [refused(answer) for _, answer in outcomes(stage)]
    assert any(words in message for message in messages), messages
    strange = [message for message in messages if not any(known in message for known in (words, *others))]
    assert not strange, strange
    stage.denied(words)
    assert stage.counted("denials_total") == len(messages)
    stage.lives()


def towards(target: Target, other: Target, *rules: str, **grant) -> dict:
    """The tables of an attacker that is granted these rules."""
    return {
        "grant": {"egress": list(rules)} | grant,
        "config": {"granted": target.url, "other": other.url},
    }


def test_18_a_host_that_is_not_granted(begin, target, other):
    stage = begin("a18_host", **towards(target, other, f"GET {target.url}/*"))
    all_refused(stage, "no egress rule allows GET", "is no URL")
    stage.denied("no egress rule", to=f"GET {other.url}")
    assert other.connections == target.connections == 0


def test_18_without_any_grant(begin, target, other):
    stage = begin("a18_host", config={"granted": target.url, "other": other.url})
    all_refused(stage, "no egress rule allows GET", "is no URL")
    assert other.connections == target.connections == 0


def test_19_another_port_method_or_path(begin, target, other):
    stage = begin("a19_rule", **towards(target, other, f"GET {target.url}/open/*"))
    all_refused(stage, "no egress rule allows", "is no method")
    assert other.connections == target.connections == 0


def test_20_spellings_of_this_machine(begin, target):
    """A rule that names a name admits no private address, however it is written."""
    rules = [f"GET http://{name}:{target.port}/*" for name in ("localhost", "localhost.")]
    # Not every system's own resolver knows the one with the dot.
    dotted = names({"localhost.": ["127.0.0.1"]})
    stage = begin("a20_private", grant={"egress": rules}, config={"granted": target.url}, env=dotted)
    # An address instead of the name is another host.
    all_refused(stage, "every address of this name is private", "no egress rule allows GET")
    stage.denied("every address of this name is private", to=f"GET http://localhost:{target.port}")
    assert target.connections == 0


PRIVATE = (
    ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "192.0.0.192", "100.64.0.1", "0.0.0.0"]
    + ["::1", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::"]
)


def test_20_names_that_lead_to_private_addresses(begin, target):
    leads = {f"vendor-{number}.test": [address] for number, address in enumerate(PRIVATE)}
    rules = [f"GET http://{name}:{target.port}/*" for name in leads]
    stage = begin("a20_private", grant={"egress": rules}, config={"granted": target.url}, env=names(leads))
    for name, (address,) in leads.items():
        stage.fails(403, f"every address of this name is private ({address})", said=name)
        wait_for("the look-up", lambda: f"{name} leads to {address}" in stage.running.log())
        stage.denied("every address of this name is private", to=f"GET http://{name}")
    assert target.connections == 0
    stage.lives()


def names(names: dict[str, list[str]]) -> dict[str, str]:
    """The environment in which names lead to addresses; with several, each look-up finds the next."""
    resolver = need(PLUGINS / "hostile/resolver.so", "cargo xtask test hostile")
    entries = ";".join(f"{name}={','.join(addresses)}" for name, addresses in names.items())
    return {"LD_PRELOAD": str(resolver), "EVENHAND_TEST_NAMES": entries}


def test_20_where_it_is_allowed(begin, target):
    """The same name, with `allow_private`: the attack itself works."""
    granted = {"egress": [f"GET http://vendor.test:{target.port}/*"], "allow_private": True}
    stage = begin("a20_private", grant=granted, config={"granted": target.url}, env=names({"vendor.test": ["127.0.0.1"]}))
    assert stage.says("vendor.test") == "200 arrived"
    assert target.arrived[0].header("host") == f"vendor.test:{target.port}"


def test_21_a_name_that_changes_between_check_and_connect(begin, target):
    """Every other look-up gives this machine. The address that was checked is the one that is connected to: one look-up for each
    request, and none arrives."""
    public = "3000::1"  # global unicast, of which nothing is assigned: no route leads there
    stage = begin(
        "a21_rebinding",
        grant={"egress": [f"GET http://vendor.test:{target.port}/*"]},
        config={"granted": f"http://vendor.test:{target.port}"},
        env=names({"vendor.test": [public, "127.0.0.1"]}),
    )
    unreachable, private = stage.says().splitlines()
    assert target.connections == 0
    assert "RefusedByPolicy" not in unreachable and "answered" not in unreachable
    assert private.startswith("ErrorCode::RefusedByPolicy") and "is private (127.0.0.1)" in private
    looked = wait_for("the look-ups", lambda: [line for line in stage.running.lines if "vendor.test leads to" in line][1:])
    assert len(looked) == 1, "one for each request"
    stage.denied("is private (127.0.0.1)", to="GET http://vendor.test")


def test_22_a_host_field_or_an_absolute_path(begin, target, other):
    stage = begin("a22_host_field", **towards(target, other, f"GET {target.url}/*"))
    said = [(number, answer) for number, answer in outcomes(stage)]
    for number, answer in said[:6]:
        message = refused(answer)
        assert "is the host's" in message or "is no header name" in message, message
    # Paths may look like URLs: they are paths, and arrive where they were granted.
    for number, answer in said[6:]:
        assert answer.status_code == 200 or refused(answer)
    assert other.connections == 0
    host = target.url.removeprefix("http://")
    assert target.arrived and all(a.header("host") == host and a.path.startswith("/") for a in target.arrived)
    stage.denied("the header field host is the host's")
    stage.lives()


def test_22_the_same_by_wasi_http(begin, target, other):
    stage = begin("a22_wasi", **towards(target, other, f"GET {target.url}/*"))
    here, there = (t.url.removeprefix("http://") for t in (target, other))
    assert stage.says(json.dumps([here, "/", ""])) == "200"
    tricks = [
        (there, "/", ""),
        (here, "/", there),
        (here, f"{other.url}/", ""),
        (here, f"@{there}/", ""),
        (f"{here}@{there}", "/", ""),
        (f"{here}\\@{there}", "/", ""),
        (f"{here}#@{there}", "/", ""),
        (f"{here}/@{there}", "/", ""),
        (f"user:password@{here}", "/", ""),
        (here, f"//{there}/", ""),
        (here, f"/ HTTP/1.1\r\nhost: {there}\r\n\r\n", ""),
        ("", "/", ""),
    ]
    for trick in tricks:
        said = stage.says(json.dumps(trick))
        assert said == "200" or "refused as" in said or "ErrorCode::HttpRequest" in said, (trick, said)
    assert other.connections == 0
    assert all(a.header("host") == here and "http:" not in a.path[:5] for a in target.arrived)
    stage.denied("no egress rule", to=f"GET {other.url}")
    stage.lives()


def test_23_a_redirect(begin, target, other):
    target.redirect = f"{other.url}/"
    stage = begin("a23_redirect", **towards(target, other, f"GET {target.url}/*"))
    assert stage.says("look") == f"302 {other.url}/"
    stage.fails(403, "no egress rule allows GET", said="follow")
    stage.denied("no egress rule", to=f"GET {other.url}")
    assert (len(target.arrived), other.connections) == (2, 0)
    stage.lives()


def test_24_line_ends_in_a_head(begin, target, other):
    stage = begin("a24_crlf", **towards(target, other, f"GET {target.url}/*"))
    for number, answer in outcomes(stage):
        # In a URL they are left out or encoded, as in browsers; nowhere do they end a line.
        assert answer.status_code == 200 or refused(answer)
    assert len(target.arrived) == 2, "those with line ends in the URL"
    for arrived in target.arrived:
        assert arrived.header("x-injected") is None and "second" in arrived.path
    stage.denied("has characters that no header field may have")
    stage.lives()


def test_25_framing(begin, target, other):
    stage = begin("a25_framing", **towards(target, other, f"POST {target.url}/*"))
    all_refused(stage, "is the host's")
    assert target.connections == 0


@pytest.mark.parametrize("length", ["0", "3", "1000000"])
def test_25_a_length_that_is_not_the_body_s(length, begin, target, other):
    """What it writes behind the body's end is never a second request."""
    stage = begin("a25_wasi", **towards(target, other, f"POST {target.url}/*"))
    said = stage.says(length)
    assert said == "200" or "HttpRequestBodySize" in said, said
    assert all((a.method, a.path) == ("POST", "/") and b"GET" not in a.body[int(length) :] for a in target.arrived)
    stage.lives()


def test_26_credentials_in_the_url(begin, target, other):
    stage = begin("a26_userinfo", **towards(target, other, f"GET {target.url}/*"))
    all_refused(stage, "credentials in a URL are not sent")
    assert target.connections == other.connections == 0


def test_27_paths_out_of_the_granted_one(begin, target, other):
    stage = begin("a27_paths", **towards(target, other, f"GET {target.url}/open/*"))
    for _, answer in outcomes(stage):
        assert answer.status_code == 200 or "no egress rule allows GET" in refused(answer)
    # What follows `?` is no path, and this character is not two dots to any server.
    assert {arrived.path for arrived in target.arrived} == {"/open/x?/../../closed", "/open/%E2%80%A5/closed"}
    stage.denied("no egress rule allows GET")
    stage.lives()
