"""Whose agents and sessions are; how they are listed, changed, kept and forgotten."""

import time
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from harness import Evenhand, Plugin, config, provider, secrets, wait_for, wasm
from hosted import NOWHERE, Sessions, calculate, ours, say
from hosted.stage import KEYS, PAY, agent, client, limited, text
from vendors import script


def test_sessions_and_agents_are_of_their_key(running, sessions):
    session = sessions.begin("claims", script([say("Mine")]))
    sessions.settled(session.id)
    made = sessions.sdk.beta.agents.create(model="openai/mock-echo", name="mine")
    other = client(running, "TEAM_B")
    theirs = [
        lambda: other.api.retrieve(session.id),
        lambda: other.api.delete(session.id),
        lambda: other.api.update(session.id, metadata={"a": "b"}),
        lambda: other.items(session.id),
        lambda: other.turns(session.id),
        lambda: other.say(session.id, "Hi"),
        lambda: next(other.listen(session.id)),
        lambda: other.sdk.beta.agents.retrieve(made.id),
        lambda: other.sdk.beta.agents.update(made.id, name="theirs"),
        lambda: other.sdk.beta.agents.delete(made.id),
        lambda: other.begin(made.id, "Hi"),
    ]
    for ask in theirs:
        with pytest.raises(openai.NotFoundError):
            ask()
    assert session.id not in [one.id for one in other.api.list()]
    assert made.id not in [one.id for one in other.sdk.beta.agents.list()]
    assert sessions.api.retrieve(session.id).id == session.id
    with pytest.raises(openai.AuthenticationError):
        Sessions(running.client("openai", "sk-stranger").sdk).api.retrieve(session.id)


def test_a_key_without_the_agent_or_its_tools_has_none(running):
    poor = client(running, "TEAM_C")
    assert [one.id for one in poor.sdk.beta.agents.list()] == []
    for made in ("claims", agent(ours("calc/*")), agent(ours("notes/*"), model="mock-echo")):
        with pytest.raises(openai.NotFoundError):
            poor.begin(made, "Hi")
    session = poor.begin(agent(ours("calc/*"), model="mock-echo"), "Hi")
    assert poor.settled(session.id).status == "idle"


def test_a_key_needs_nothing_but_the_operators_agent(running):
    sessions = client(running, "TEAM_D")
    assert [one.id for one in sessions.sdk.beta.agents.list()] == ["claims"]
    session = sessions.begin("claims", script([calculate("2+3"), PAY], [say("{result}")]))
    sessions.decide(session.id, sessions.required(session.id).request_id, "approve")
    assert sessions.settled(session.id).status == "idle" and len(sessions.calls(session.id)) == 2
    with pytest.raises(openai.NotFoundError):
        sessions.begin(agent(ours("calc/*")), "Hi")


def test_without_keys_agents_are_for_whoever_is_here(vendor, tmp_path):
    plugins = [provider("openai", vendor), Plugin("calc", wasm("calc"))]
    text = config(*plugins, store={"url": "sqlite://evenhand.db"})
    with Evenhand(tmp_path, text, secrets({"openai": vendor})) as running:
        sessions = Sessions(running.client("openai").sdk)
        session = sessions.begin(agent(ours("calc/*")), script([calculate("2+3")], [say("{result}")]))
        assert sessions.settled(session.id).status == "idle" and "5" in sessions.answer(session.id)


def test_the_operators_agent_is_not_changed_by_clients(sessions):
    agents = sessions.sdk.beta.agents
    shown = agents.retrieve("claims")
    assert shown.instructions == "You settle claims." and "claims" in [one.id for one in agents.list()]
    for change in (
        lambda: agents.update("claims", instructions="Pay all."),
        lambda: agents.delete("claims"),
        lambda: sessions.api.create(agent_id="claims", agent={"instructions": "Pay."}, environment=NOWHERE, input="Hi"),
        lambda: sessions.api.create(agent_id="claims", agent={"tools": [ours("notes/*")]}, environment=NOWHERE, input="Hi"),
    ):
        with pytest.raises(openai.PermissionDeniedError):
            change()
    assert agents.retrieve("claims").to_dict() == shown.to_dict()


def test_limits_of_a_session_are_never_wider_than_its_agents(sessions):
    made = sessions.sdk.beta.agents.create(model="openai/mock-echo", **limited(steps=3, tokens=500))
    session = sessions.begin(made.id, "Hi", **limited(steps=9, tokens=100))
    limits = session.to_dict()["agent"]["evenhand"]["limits"]
    assert (limits["steps"], limits["tokens"]) == (3, 100)


def test_agents_are_listed_page_by_page(sessions):
    agents = sessions.sdk.beta.agents
    made = [agents.create(model="openai/mock-echo", name=f"page {n}").id for n in range(3)]
    for order in ("asc", "desc"):
        whole = [one.id for one in agents.list(order=order)]
        assert len(set(whole)) == len(whole) and {"claims", *made} <= set(whole)
        for limit in (1, 2):
            first = agents.list(order=order, limit=limit)
            assert len(first.data) == limit
            assert [one.id for one in first] == whole


def test_a_clients_agent_is_changed_and_forgotten(sessions):
    agents = sessions.sdk.beta.agents
    made = agents.create(model="openai/mock-script", name="one", tools=[ours("calc/*")], metadata={"of": "x"})
    session = sessions.begin(made.id, script([calculate("2+2")], [say("{result}")]))
    changed = agents.update(made.id, name="two")
    assert (changed.id, changed.name, changed.metadata, changed.model) == (made.id, "two", {"of": "x"}, "openai/mock-script")
    assert agents.retrieve(made.id).to_dict() == changed.to_dict()
    assert agents.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        agents.retrieve(made.id)
    # Its sessions go on.
    assert sessions.settled(session.id).status == "idle" and "4" in sessions.answer(session.id)


def test_sessions_are_found_by_metadata_and_agent_and_forgotten(sessions):
    made = sessions.sdk.beta.agents.create(model="openai/mock-echo")
    ids = [sessions.begin(made.id, metadata={"case": case, "of": "me"}).id for case in ("a", "b", "a")]
    listed = lambda **of: [one.id for one in sessions.api.list(agent_id=made.id, order="asc", **of)]
    assert listed() == ids and listed(limit=2) == ids
    assert listed(metadata={"case": "a"}) == [ids[0], ids[2]]
    assert listed(metadata={"case": "a", "of": "you"}) == []
    assert sessions.api.update(ids[1], metadata={"case": "a"}).metadata == {"case": "a"}
    assert listed(metadata={"case": "a"}) == ids
    deleted = sessions.api.delete(ids[0])
    assert deleted.deleted and deleted.id == ids[0] and listed() == ids[1:]
    with pytest.raises(openai.NotFoundError):
        sessions.api.retrieve(ids[0])


def test_a_session_that_runs_is_deleted(sessions, vendor):
    session = sessions.begin(agent(model="mock-slow"), "delete me")
    request = wait_for("the request", lambda: next((r for r in vendor.requests if b"delete me" in r.body), None))
    sessions.api.delete(session.id)
    with pytest.raises(openai.NotFoundError):
        sessions.api.retrieve(session.id)
    wait_for("the vendor to be left", lambda: request.dropped)


def test_an_input_with_a_key_is_taken_once(sessions):
    session = sessions.begin("claims")
    for _ in range(3):
        sessions.say(session.id, script([say("Once")]), idempotency_key="first")
    sessions.settled(session.id)
    sessions.say(session.id, script([say("Once")]), idempotency_key="first")
    assert len(sessions.turns(session.id)) == 1
    sessions.say(session.id, script([say("Twice")]), idempotency_key="second")
    sessions.settled(session.id)
    assert len(sessions.turns(session.id)) == 2


def test_a_session_with_a_key_begins_once(running, sessions):
    begin = lambda of: of.begin("claims", script([say("Once")]), extra_headers={"Idempotency-Key": "one claim"})
    first, second = begin(sessions), begin(sessions)
    assert first.id == second.id and sessions.settled(first.id).status == "idle"
    assert len(sessions.turns(first.id)) == 1
    # Another's key is another.
    assert begin(client(running, "TEAM_B")).id != first.id


def test_a_session_begins_at_once(running):
    """Others that begin and end meanwhile don't make it wait for the host's next look, a quarter of a lease later."""

    def work(number: int) -> float:
        sessions = client(running)
        longest = 0.0
        for _ in range(20):
            began = time.monotonic()
            sessions.settled(sessions.begin("claims", script([say("Quick")])).id)
            longest = max(longest, time.monotonic() - began)
        return longest

    with ThreadPoolExecutor(6) as pool:
        assert max(pool.map(work, range(6))) < 3.0


def test_a_list_of_inputs_is_taken_whole_or_not_at_all(sessions):
    session = sessions.begin("claims")
    message = {"type": "message", "input": [{"role": "user", "content": script([say("Never")])}]}
    response = {"type": "mcp_tool_call", "decision": "approve"}
    wrong = {"type": "mcp_approval_request_result", "request_id": "apr_none", "response": response}
    with pytest.raises(openai.ConflictError, match="apr_none"):
        sessions.send(session.id, message, wrong)
    assert sessions.turns(session.id) == [] and sessions.items(session.id) == []
    # In order: the turn that begins is cancelled at once.
    sessions.send(session.id, message, {"type": "cancel"})
    wait_for("its end", lambda: [turn["status"] for turn in sessions.turns(session.id)] == ["cancelled"])


def test_a_message_has_its_limit(sessions):
    with pytest.raises(openai.APIStatusError) as error:
        sessions.begin("claims", "x" * (4 << 20) + "y")
    assert error.value.status_code == 413


def test_sessions_are_kept_as_long_as_the_store_says(vendor, slow, tmp_path):
    env = secrets({"openai": vendor}) | KEYS
    whole = text(vendor, tmp_path, slow)
    with Evenhand(tmp_path, whole, env) as running:
        sessions = client(running)
        old = sessions.begin("claims", script([say("Old")])).id
        sessions.settled(old)
    began = time.monotonic()
    wait_for("its time", lambda: time.monotonic() > began + 1.1)
    with Evenhand(tmp_path, whole.replace("[store]", '[store]\nkeep = "1s"'), env) as running:
        sessions = client(running)
        wait_for("it to be forgotten", lambda: [one.id for one in sessions.api.list()] == [])
        with pytest.raises(openai.NotFoundError):
            sessions.api.retrieve(old)
