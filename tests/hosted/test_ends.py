"""How turns and sessions end; what is refused, and what the model is told."""

import json
import threading

import openai
import pytest
from openai.lib.beta.agents import AgentTurnResultError

from harness import Evenhand, secrets, wait_for
from hosted import CALC, Sessions, calculate, kinds, log, ours, say
from hosted.stage import KEYS, PAY, Slow, agent, asked, client, limited, text
from vendors import script


def failed(sessions: Sessions, session, reason: str) -> dict:
    """The turn that failed, which is in the events and among the turns."""
    events = sessions.told(session.id)
    assert kinds(events)[-2:] == ["turn.failed", "idle"] and "error" in [event["type"] for event in events]
    (turn,) = sessions.turns(session.id)
    assert turn["status"] == "failed" and turn["error"]["reason"] == reason
    assert events[-2]["turn"]["error"] == turn["error"]
    return turn


def ended(events: list[dict]) -> None:
    """With the session its turn is over; nobody was told in between that it waits for more."""
    assert "turn.failed" in kinds(events) and "idle" not in kinds(events)


def test_a_turn_that_asks_the_model_is_cancelled(sessions, vendor):
    session = sessions.begin(agent(model="mock-slow"), "cancel this")
    request = wait_for("the request", lambda: next((r for r in vendor.requests if b"cancel this" in r.body), None))
    sessions.cancel(session.id)
    assert sessions.settled(session.id).status == "idle"
    assert kinds(sessions.told(session.id))[-2:] == ["turn.cancelled", "idle"]
    assert [turn["status"] for turn in sessions.turns(session.id)] == ["cancelled"]
    wait_for("the vendor to be left", lambda: request.dropped)
    # It may be said again: nothing runs.
    sessions.cancel(session.id)


def test_a_turn_that_calls_a_tool_is_cancelled(sessions, slow):
    Slow.asked.clear()
    fetch = {"call": "fetch_fetch_*", "with": {"url": f"{slow}/never"}}
    session = sessions.begin(agent(ours("fetch/*")), script([fetch], [say("{result}")]))
    assert Slow.asked.wait(30)
    sessions.cancel(session.id)
    assert sessions.settled(session.id).status == "idle"
    (call,) = sessions.calls(session.id)
    assert (call["status"], call["error"]["code"]) == ("incomplete", "cancelled")
    # And goes on.
    with sessions.api.stream(session.id, input=script([say("On.")])) as stream:
        assert stream.get_final_result().output_text == "On."


def test_sessions_beyond_those_that_run_wait_for_a_place(sessions, vendor):
    # 200 run at a time.
    made = sessions.sdk.beta.agents.create(model="openai/mock-slow")
    begun = [sessions.begin(made.id, "wait for a place").id for _ in range(205)]
    wait_for("all places to be taken", lambda: len(asked(vendor, "wait for a place")) == 200)
    vendor.open_gate()
    try:
        # Less than a lease: a place that comes free is given on at once.
        for id in begun:
            wait_for(id, lambda id=id: sessions.api.retrieve(id).status == "idle", 10)
    finally:
        vendor.close_gate()
    assert len(asked(vendor, "wait for a place")) == len(begun)


def test_steps_end(sessions):
    told = script(*[[calculate(f"{n}+1")] for n in range(5)], [say("Done")])
    session = sessions.begin(agent(ours("calc/*")), told, **limited(steps=2))
    assert "2 steps" in failed(sessions, session, "steps")["error"]["message"]
    assert len(sessions.calls(session.id)) == 2
    # The session takes more.
    with sessions.api.stream(session.id, input=script([say("Shorter.")])) as stream:
        assert stream.get_final_result().output_text == "Shorter."


def test_seconds_end(sessions):
    session = sessions.begin(agent(model="mock-slow"), "too long", **limited(seconds=1))
    assert "1 s" in failed(sessions, session, "seconds")["error"]["message"]


def test_waiting_for_a_person_does_not_count(sessions):
    session = sessions.begin("claims", script([PAY], [say("{result}")]), **limited(seconds=1))
    action = sessions.required(session.id)
    threading.Event().wait(1.2)
    sessions.decide(session.id, action.request_id, "approve")
    assert sessions.settled(session.id).status == "idle"
    assert [turn["status"] for turn in sessions.turns(session.id)] == ["completed"]


@pytest.mark.parametrize("limit", [{"tokens": 10}, {"usd": 0.01}], ids=["tokens", "usd"])
def test_a_budget_ends_a_session(limit, sessions):
    told = script([calculate("1+1")], [say("Done")])
    session = sessions.begin(agent(ours("calc/*")), told, **limited(**limit))
    events = sessions.told(session.id, "agent.session.budget_reached")
    ended(events)
    over = sessions.settled(session.id)
    assert over.status == "budget_reached" and over.error and over.required_actions == []
    assert sessions.turns(session.id)[0]["error"]["code"] == "session_budget_exceeded"
    for said in (lambda: sessions.say(session.id, "More"), lambda: sessions.cancel(session.id)):
        with pytest.raises(openai.ConflictError, match=session.id):
            said()


def test_spend_control_is_a_budget_in_cents(sessions):
    told = script([calculate("1+1")], [say("Done")])
    session = sessions.begin(agent(ours("calc/*")), told, spend_control={"limit": 1})
    assert sessions.settled(session.id).status == "budget_reached"
    over = sessions.api.retrieve(session.id)
    assert over.spend_control.limit == 1 and over.spend_control.consumed >= 1


def test_a_loop_without_progress_ends(sessions):
    told = script(*[[calculate("1+1")]] * 6, [say("Done")])
    turn = failed(sessions, sessions.begin("claims", told), "no_progress")
    assert "3 times in a row" in turn["error"]["message"]


def test_a_model_that_is_not_there_ends_the_turn_only(sessions):
    session = sessions.begin({"model": "none/x"}, "fail")
    assert "none/x" in failed(sessions, session, "model")["error"]["message"]


def test_a_model_that_fails_ends_the_turn_only(sessions):
    session = sessions.begin(agent(model="mock-500"), "fail")
    assert "The server had an error" in failed(sessions, session, "model")["error"]["message"]
    with pytest.raises(AgentTurnResultError):
        with sessions.api.stream(session.id, input="again") as stream:
            stream.get_final_result()


def test_a_session_ends_with_its_agent(vendor, slow, tmp_path):
    whole = text(vendor, tmp_path, slow)
    with Evenhand(tmp_path, whole, secrets({"openai": vendor}) | KEYS) as running:
        sessions = client(running)
        session = sessions.begin("claims", script([PAY], [say("{result}")]))
        action = sessions.required(session.id)
        running.write(whole.replace('"claims"', '"others"'))
        wait_for("the change", lambda: "others" in [one.id for one in sessions.sdk.beta.agents.list()])
        sessions.decide(session.id, action.request_id, "approve")
        over = sessions.settled(session.id)
        assert over.status == "failed" and "claims" in over.error
        ended(sessions.told(session.id, "agent.session.failed"))
        (call,) = sessions.calls(session.id)
        assert call["status"] == "incomplete"
        with pytest.raises(openai.ConflictError, match="claims"):
            sessions.say(session.id, "More")
        # It is not paid.
        assert [entry["event"] for entry in log(tmp_path / "evenhand.db", session.id)].count("call_began") == 0


# Bad input.


@pytest.mark.parametrize(
    ("tools", "name"),
    [(["calc/*"], "calc_none"), (["calc/*"], "notes/set"), (["calc/*"], "none/none")],
    ids=["no tool of the plugin's", "not the agent's", "no plugin"],
)
def test_a_tool_that_the_agent_has_not_is_refused_and_the_model_told(tools, name, sessions, vendor):
    wrong = {"call": name, "with": {"of": name}, "invented": True}
    session = sessions.begin(agent(ours(*tools)), script([wrong], [calculate("6+1")], [say("{result}")]))
    assert sessions.settled(session.id).status == "idle"
    refused, ran = sessions.calls(session.id)
    assert (refused["status"], refused["error"]["code"], ran["status"]) == ("failed", "refused", "completed")
    assert f"there is no tool \\\"{name}\\\"" in json.dumps(asked(vendor, "6+1")[-1]["messages"])


def test_arguments_that_do_not_fit_are_told_to_the_model_which_corrects_itself(sessions, vendor):
    wrong = {"call": CALC, "with": {"expression": 1}}
    session = sessions.begin("claims", script([wrong], [calculate("8+1")], [say("{result}")]))
    assert sessions.settled(session.id).status == "idle" and "9" in sessions.answer(session.id)
    refused, ran = sessions.calls(session.id)
    assert (refused["error"]["code"], ran["status"]) == ("refused", "completed")
    assert "/expression" in refused["error"]["message"]
    assert "/expression" in json.dumps(asked(vendor, "8+1")[-1]["messages"][-3:])


def test_a_tool_that_fails_tells_why(sessions):
    session = sessions.begin("claims", script([calculate("1/0")], [say("{result}")]))
    assert sessions.settled(session.id).status == "idle"
    (call,) = sessions.calls(session.id)
    assert (call["status"], call["error"]["code"]) == ("failed", "tool_error") and "1/0" in call["error"]["message"]


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (agent(ours("none/*")), "none/"),
        (agent(ours("calc/none")), "calc/none"),
        ({"model": "agent/claims"}, "agent/claims"),
        (agent({"type": "web_search"}), "web_search"),
        (agent(ours("calc/*", approve=("notes/set",))), "notes/set"),
    ],
    ids=["plugin", "tool", "agent", "foreign tool", "approval of none"],
)
def test_an_agent_that_can_not_be_is_refused(made, named, sessions):
    with pytest.raises(openai.APIStatusError, match=named) as error:
        sessions.begin(made, "Hi")
    assert error.value.status_code in (400, 404)


def test_a_message_in_the_middle_of_a_turn_is_a_conflict(sessions):
    session = sessions.begin("claims", script([PAY], [say("{result}")]))
    action = sessions.required(session.id)
    with pytest.raises(openai.ConflictError, match="not over"):
        sessions.say(session.id, "And now?")
    sessions.decide(session.id, action.request_id, "deny")
    sessions.settled(session.id)
