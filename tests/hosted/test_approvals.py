"""People say yes or no."""

import json

import openai
import pytest

from harness import Evenhand, secrets, wait_for, wasm
from hosted import Sessions, calculate, kinds, log, say
from hosted.stage import KEYS, PAY, SET, asked, client, store, text
from vendors import script


def approved(sessions: Sessions) -> list[str]:
    """The plugins some of whose tools need a yes."""
    tools = sessions.sdk.beta.agents.retrieve("claims").to_dict()["tools"]
    return [tool["server_label"] for tool in tools if "require_approval" in tool]


def asked_again(sessions: Sessions, id: str):
    """The question that comes after one that was answered."""
    return wait_for("the second question", lambda: next(iter(sessions.api.retrieve(id).required_actions), None))


@pytest.mark.parametrize(
    ("decision", "status", "told"),
    [("approve", "completed", "is set"), ("deny", "failed", "a person refused"), ("cancel", "failed", "nobody decided")],
)
def test_a_person_decides(decision, status, told, sessions, running, vendor):
    value = f"by {decision}"
    pay = {"call": SET, "with": {"key": "paid", "value": value}}
    session = sessions.begin("claims", script([pay, calculate("3+4")], [say("{result}")]))
    action = sessions.required(session.id)
    assert action.type == "mcp_approval_request" and action.request.server_label == "notes"
    assert action.request.arguments == {"key": "paid", "value": value}
    # What needs no yes was done.
    assert [call["status"] for call in sessions.calls(session.id)] == ["in_progress", "completed"]
    sessions.decide(session.id, action.request_id, decision)
    # Said twice, it is said once.
    sessions.decide(session.id, action.request_id, decision)
    assert sessions.settled(session.id).status == "idle"
    (pay, _) = sessions.calls(session.id)
    assert pay["status"] == status
    assert (pay["approval"]["decision"], pay["approval"]["by"]) == (decision, "team_a") and pay["approval"]["at"] > 0
    assert told in json.dumps(asked(vendor, value)[-1]["messages"])
    entries = log(store(running), session.id)
    (given,) = [entry for entry in entries if entry["event"] == "approval_given"]
    assert (given["who"], given["request"]) == ("team_a", action.request_id) and given["at"] > 0
    assert [entry["number"] for entry in entries] == list(range(len(entries)))
    events = sessions.told(session.id)
    assert kinds(events).count("requires_action") == 1
    other = "deny" if decision == "approve" else "approve"
    with pytest.raises(openai.ConflictError):
        sessions.decide(session.id, action.request_id, other)


def test_each_of_two_calls_has_its_own_yes(sessions):
    pays = [{"call": SET, "with": {"key": key, "value": "1"}} for key in ("first", "second")]
    session = sessions.begin("claims", script(pays, [say("{result}")]))
    first, second = sessions.settled(session.id).required_actions
    sessions.decide(session.id, second.request_id, "approve")
    assert sessions.required(session.id).request_id == first.request_id
    sessions.decide(session.id, first.request_id, "deny")
    assert sessions.settled(session.id).status == "idle"
    assert [call["status"] for call in sessions.calls(session.id)] == ["failed", "completed"]


def test_a_turn_that_waits_for_a_person_is_cancelled(sessions):
    session = sessions.begin("claims", script([PAY], [say("{result}")]))
    action = sessions.required(session.id)
    sessions.cancel(session.id)
    wait_for("the turn's end", lambda: sessions.api.retrieve(session.id).status == "idle")
    assert [turn["status"] for turn in sessions.turns(session.id)] == ["cancelled"]
    with pytest.raises(openai.ConflictError):
        sessions.decide(session.id, action.request_id, "approve")


def test_an_approval_waits_across_a_restart(vendor, slow, tmp_path):
    env = secrets({"openai": vendor}) | KEYS
    with Evenhand(tmp_path, text(vendor, tmp_path, slow), env) as before:
        sessions = client(before)
        session = sessions.begin("claims", script([PAY], [say("{result}")]))
        action = sessions.required(session.id)
        told = sessions.told(session.id, "agent.session.requires_action")
    with Evenhand(tmp_path, text(vendor, tmp_path, slow), env) as after:
        sessions = client(after)
        assert sessions.required(session.id).request_id == action.request_id
        assert sessions.told(session.id, "agent.session.requires_action")[-1] == told[-1]
        sessions.decide(session.id, action.request_id, "approve")
        assert sessions.settled(session.id).status == "idle"
        assert "is set" in sessions.answer(session.id)


def test_a_yes_is_for_this_component_only(vendor, slow, tmp_path):
    env = secrets({"openai": vendor}) | KEYS
    with Evenhand(tmp_path, text(vendor, tmp_path, slow), env) as before:
        sessions = client(before)
        session = sessions.begin("claims", script([PAY], [say("{result}")]))
        first = sessions.required(session.id)
    # A custom section changes what it is, not what it does.
    swapped = tmp_path / "swapped.wasm"
    swapped.write_bytes(wasm("kv").read_bytes() + b"\x00\x02\x01x")
    with Evenhand(tmp_path, text(vendor, tmp_path, slow).replace(str(wasm("kv")), str(swapped)), env) as after:
        sessions = client(after)
        sessions.decide(session.id, first.request_id, "approve")
        second = asked_again(sessions, session.id)
        assert second.request_id != first.request_id
        sessions.decide(session.id, second.request_id, "approve")
        assert sessions.settled(session.id).status == "idle" and "is set" in sessions.answer(session.id)


def test_a_new_entry_in_approve_holds_for_sessions_that_wait(vendor, slow, tmp_path):
    whole = text(vendor, tmp_path, slow)
    with Evenhand(tmp_path, whole, secrets({"openai": vendor}) | KEYS) as running:
        sessions = client(running)
        session = sessions.begin("claims", script([PAY], [calculate("1+1")], [say("{result}")]))
        first = sessions.required(session.id)
        running.write(whole.replace('approve = ["notes/set"]', 'approve = ["notes/set", "calc/*"]'))
        wait_for("the change", lambda: approved(sessions) == ["calc", "notes"])
        sessions.decide(session.id, first.request_id, "approve")
        second = asked_again(sessions, session.id)
        assert second.request.server_label == "calc"
        sessions.decide(session.id, second.request_id, "approve")
        assert sessions.settled(session.id).status == "idle" and "2" in sessions.answer(session.id)
