"""Two hosts on one PostgreSQL: sessions are theirs together, each is run by one of them at a time, and those of a host that is gone
by the other."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Evenhand, Plugin, config, provider, secrets, wait_for, wasm
from hosted import Sessions, calculate, kinds, ours, say
from postgres import postgres
from vendors import Recorded, Vendor, script

KEY = "sk-team-a-0123456789"
LEASE = 2.0
# A host looks for sessions that came free every quarter of a lease; what is beyond that is the machine's slowness.
POLL = LEASE / 4
SLOW = 2.0
AGENT = {"model": "openai/mock-script", "tools": [ours("calc/*", "notes/*", approve=("notes/set",))]}
PAY = {"call": "notes_set_*", "with": {"key": "paid", "value": "100"}}


@pytest.fixture(scope="module")
def vendor(own_vendors) -> Vendor:
    return own_vendors["openai"]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as url:
        yield url


def host(folder: Path, vendor: Vendor, database: str) -> Evenhand:
    folder.mkdir()
    plugins = [
        provider("openai", vendor),
        Plugin("calc", wasm("calc")),
        Plugin("notes", wasm("kv"), {"namespace": "notes"}, {"kv": {"notes": "key"}}),
    ]
    key = {"name": "team_a", "secret": {"env": "TEAM_A"}, "models": ["*"], "tools": ["*"], "agents": ["*"]}
    text = config(*plugins, keys=[key], store={"url": database, "lease": f"{LEASE:.0f}s"})
    return Evenhand(folder, text, secrets({"openai": vendor}) | {"TEAM_A": KEY})


@pytest.fixture
def hosts(vendor, database, tmp_path) -> Iterator[tuple[Evenhand, Evenhand]]:
    with host(tmp_path / "a", vendor, database) as a, host(tmp_path / "b", vendor, database) as b:
        yield a, b


def client(running: Evenhand) -> Sessions:
    return Sessions(running.client("openai", KEY).sdk)


def asked(vendor: Vendor, word: str) -> list[Recorded]:
    return [request for request in vendor.requests if request.method == "POST" and word in request.body.decode()]


def test_a_session_is_seen_on_both_hosts(hosts):
    a, b = map(client, hosts)
    session = a.begin(AGENT, script([calculate("6*7")], [say("{result}")]))
    events = b.told(session.id)
    assert kinds(events)[-1] == "idle" and "42" in b.answer(session.id)
    assert events == a.told(session.id)
    assert session.id in [one.id for one in b.api.list()]
    assert b.api.retrieve(session.id).to_dict() == a.api.retrieve(session.id).to_dict()


def test_a_listener_of_the_other_host_hears_what_comes(hosts):
    a, b = map(client, hosts)
    session = a.begin(AGENT)
    heard = b.listen(session.id)
    a.say(session.id, script([calculate("1+1")], [say("Heard")]))
    for event in heard:
        if event["type"] == "agent.session.idle":
            break
    assert b.answer(session.id) == "Heard"


def test_an_approval_is_given_by_the_other_host(hosts):
    a, b = map(client, hosts)
    session = a.begin(AGENT, script([PAY], [say("{result}")]))
    action = a.required(session.id)
    assert b.required(session.id).request_id == action.request_id
    b.decide(session.id, action.request_id, "approve")
    assert a.settled(session.id).status == "idle" and "is set" in a.answer(session.id)
    (call,) = a.calls(session.id)
    assert call["status"] == "completed"


def test_a_turn_is_cancelled_by_the_other_host(hosts, vendor):
    a, b = map(client, hosts)
    session = a.begin({"model": "openai/mock-slow"}, "cancel me from afar")
    (request,) = wait_for("the request", lambda: asked(vendor, "cancel me from afar"))
    b.cancel(session.id)
    assert b.settled(session.id).status == "idle"
    assert [turn["status"] for turn in a.turns(session.id)] == ["cancelled"]
    wait_for("the vendor to be left", lambda: request.dropped)


def test_each_session_is_run_once(hosts, vendor):
    both = [client(running) for running in hosts]
    begun = [both[n % 2].begin(AGENT, script([calculate(f"({n})+1000")], [say("{result}")])).id for n in range(20)]
    for n, id in enumerate(begun):
        assert both[(n + 1) % 2].settled(id).status == "idle"
        # Once for the call, once for the answer.
        assert len(asked(vendor, f"({n})+1000")) == 2
        assert str(1000 + n) in both[n % 2].answer(id)


def test_a_session_outlives_its_host(vendor, database, tmp_path):
    word = "outlive your host"
    with host(tmp_path / "b", vendor, database) as b:
        with host(tmp_path / "a", vendor, database) as a:
            session = client(a).begin({"model": "openai/mock-slow"}, word)
            wait_for("the turn", lambda: asked(vendor, word))
            # Longer than a lease: A keeps it as long as it is there.
            threshold = time.monotonic() + LEASE * 1.5
            wait_for("more than a lease", lambda: time.monotonic() > threshold)
            assert len(asked(vendor, word)) == 1
            before = client(b).told(session.id, "agent.session.turn.item.added")
        killed = time.monotonic()
        first, second = wait_for("the other host", lambda: (now := asked(vendor, word)) and len(now) == 2 and now)
        took = time.monotonic() - killed
        assert took <= LEASE + POLL + SLOW, f"it took {took:.1f} s"
        assert first.json["messages"] == second.json["messages"]
        vendor.open_gate()
        try:
            sessions = client(b)
            assert sessions.settled(session.id).status == "idle"
        finally:
            vendor.close_gate()
        assert sessions.answer(session.id) == f"user: {word}"
        events = sessions.told(session.id)
        assert events[: len(before)] == before and kinds(events)[-2:] == ["turn.completed", "idle"]
        assert len(asked(vendor, word)) == 2 and len(json.loads(first.body)["messages"]) == 1


def test_a_host_that_comes_back_too_late_writes_nothing(vendor, database, tmp_path):
    word = "come back late"
    with host(tmp_path / "b", vendor, database) as b, host(tmp_path / "a", vendor, database) as a:
        first, second = client(a), client(b)
        session = first.begin({"model": "openai/mock-slow"}, word)
        wait_for("the turn", lambda: asked(vendor, word))
        a.process.send_signal(signal.SIGSTOP)
        try:
            wait_for("the other host", lambda: len(asked(vendor, word)) == 2)
            vendor.open_gate()
            assert second.settled(session.id).status == "idle"
        finally:
            vendor.close_gate()
            a.process.send_signal(signal.SIGCONT)
        events, items = second.told(session.id), second.items(session.id)
        assert [item["role"] for item in items] == ["user", "assistant"]
        # Its answer is there by now, and so it would have written it.
        wait_for("it to give up", lambda: "another host goes on with it" in a.log())
        assert first.told(session.id) == events and first.items(session.id) == second.items(session.id) == items
        with second.api.stream(session.id, input="And now") as stream:
            vendor.open_gate()
            assert stream.get_final_result().output_text.endswith("user: And now")
        vendor.close_gate()


def test_a_host_that_stops_hands_its_sessions_over(vendor, database, tmp_path):
    word = "step by step"
    with host(tmp_path / "b", vendor, database) as b:
        with host(tmp_path / "a", vendor, database) as a:
            told = script(*[[calculate(f"{n}+1")] for n in range(12)], [say(f"Done {word}")])
            session = client(a).begin(AGENT, told)
            wait_for("a step", lambda: len(asked(vendor, word)) > 2)
            a.process.terminate()
            a.process.wait(30)
        sessions = client(b)
        assert sessions.settled(session.id).status == "idle"
        assert sessions.answer(session.id) == f"Done {word}"
        assert [call["status"] for call in sessions.calls(session.id)] == ["completed"] * 12
        assert len(asked(vendor, word)) == 13
