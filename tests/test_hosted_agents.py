"""Hosted agents by OpenAI's SDK: sessions, their events, approvals, functions of the client, limits; an agent as a model."""

import base64
import http.server
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest
from openai.lib.beta.agents import AgentTurnResultError

from clients import PNG
from harness import Evenhand, Plugin, config, provider, secrets, wait_for, wasm
from hosted import CALC, DURABLE, GROWS, NOWHERE, Sessions, calculate, kinds, log, ours, say
from mcp_servers import bridge, conformance_server
from vendors import Vendor, brain, openai_api, script

KEYS = {f"TEAM_{of}": f"sk-team-{of.lower()}-0123456789" for of in "ABCD"}
SET = "notes_set_*"
GET = "notes_get_*"
PAY = {"call": SET, "with": {"key": "paid", "value": "100"}}
CLAIMS = {
    "name": "claims",
    "model": "openai/mock-script",
    "instructions": "You settle claims.",
    "tools": ["calc/*", "notes/*"],
    "approve": ["notes/set"],
}
LOOKUP = {
    "type": "function",
    "name": "lookup",
    "description": "Looks up a policy.",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}


class Slow(http.server.BaseHTTPRequestHandler):
    """A page that nobody ever gets."""

    asked = threading.Event()

    def do_GET(self) -> None:
        self.asked.set()
        # Until the client goes away.
        self.rfile.read(1)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def vendor(own_vendors) -> Vendor:
    """Its gate is closed: `mock-slow` never answers."""
    return own_vendors["openai"]


def text(vendor: Vendor, folder: Path, slow: str, **more) -> str:
    plugins = [
        provider("openai", vendor),
        Plugin("calc", wasm("calc")),
        Plugin("notes", wasm("kv"), {"namespace": "notes"}, {"kv": {"notes": "key"}}),
        Plugin("fetch", wasm("fetch"), grant={"egress": [f"GET {slow}/*"]}),
    ]
    all = {"models": ["*"], "tools": ["*"], "agents": ["*"]}
    rules = {"TEAM_A": all, "TEAM_B": all, "TEAM_C": {"models": ["openai/mock-echo"], "tools": ["calc/*"]}, "TEAM_D": {"agents": ["claims"]}}
    keys = [{"name": name.lower(), "secret": {"env": name}} | rules[name] for name in KEYS]
    return config(
        *plugins,
        keys=keys,
        store={"url": f"sqlite://{folder / 'evenhand.db'}"},
        agents=[CLAIMS],
        prices=[{"model": "openai/*", "input": 1000.0, "output": 1000.0}],
        **more,
    )


@pytest.fixture(scope="module")
def running(vendor, slow, tmp_path_factory) -> Iterator[Evenhand]:
    folder = tmp_path_factory.mktemp("agents")
    with Evenhand(folder, text(vendor, folder, slow), secrets({"openai": vendor}) | KEYS) as running:
        yield running


def client(running: Evenhand, key: str = "TEAM_A") -> Sessions:
    return Sessions(running.client("openai", KEYS[key]).sdk)


@pytest.fixture
def sessions(running) -> Sessions:
    return client(running)


def store(running: Evenhand) -> Path:
    return running.file.parent / "evenhand.db"


def agent(*tools: dict, model: str = "mock-script", **more) -> dict:
    return {"model": f"openai/{model}", "tools": list(tools)} | more


def asked(vendor: Vendor, word: str) -> list[dict]:
    """What the vendor was asked about something."""
    posts = [request for request in vendor.requests if request.method == "POST"]
    return [request.json for request in posts if word in request.body.decode()]


# The loop.


@pytest.mark.parametrize("of", ["claims", agent(ours("calc/*"))], ids=["of the configuration", "of the client"])
def test_an_agent_calls_tools_until_it_has_an_answer(of, sessions):
    told = script([say("Let me see."), calculate("1+1"), calculate("2*3")], [calculate("0.1+0.2")], [say("{result}")])
    session = sessions.begin(of, told)
    events = sessions.told(session.id)
    assert "0.3" in sessions.answer(session.id)
    calls = sessions.calls(session.id)
    assert [call["output"]["structuredContent"]["result"] for call in calls] == ["2", "6", "0.3"]
    assert {(call["server_label"], call["name"], call["status"]) for call in calls} == {("calc", "calculate", "completed")}
    (turn,) = sessions.turns(session.id)
    assert turn["status"] == "completed" and turn["usage"]["total_tokens"] > 0
    said = [item for item in sessions.items(session.id) if item["type"] == "message" and item["role"] == "assistant"]
    assert [item["phase"] for item in said] == ["commentary", "final_answer"]
    assert kinds(events)[-2:] == ["turn.completed", "idle"]
    durable = [event["event_id"] for event in events if DURABLE.fullmatch(event["event_id"])]
    assert len(set(durable)) == len(durable)


def test_parallel_calls_share_one_message_to_the_model(sessions, vendor):
    told = script([calculate("40+2"), calculate("41+2")], [say("Both: {result}")])
    session = sessions.begin("claims", told)
    assert sessions.settled(session.id).status == "idle"
    *_, last = asked(vendor, "41+2")
    roles = [message["role"] for message in last["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool"] and last["messages"][0]["content"] == "You settle claims."
    assert len(last["messages"][2]["tool_calls"]) == 2


def test_a_session_goes_on_by_messages(sessions, vendor):
    session = sessions.begin("claims")
    assert session.status == "idle"
    with sessions.api.stream(session.id, input=script([calculate("5+5")], [say("First {result}")])) as stream:
        first = stream.get_final_result()
    assert "10" in first.output_text and first.turn.status == "completed"
    with sessions.api.stream(session.id, input=script([say("Second")])) as stream:
        assert stream.get_final_result().output_text == "Second"
    assert [turn["status"] for turn in sessions.turns(session.id)] == ["completed", "completed"]
    turns = sessions.turns(session.id)
    of_second = [item.to_dict() for item in sessions.api.turns.items.list(turns[1]["id"], session_id=session.id, order="asc")]
    assert [item["role"] for item in of_second] == ["user", "assistant"]
    assert sessions.api.turns.retrieve(turns[0]["id"], session_id=session.id).id == turns[0]["id"]


def test_the_sdk_runs_functions_of_its_own(sessions):
    heard = []

    def lookup(arguments: dict) -> str:
        heard.append(arguments)
        return "policy seven"

    told = script([{"call": "lookup", "with": {"id": 7}}, calculate("7*7")], [say("{result}")])
    made = agent(ours("calc/*"), LOOKUP)
    stream = sessions.begin(made, told, stream=True, tool_handlers={"lookup": lookup})
    result = stream.get_final_result()
    assert heard == [{"id": 7}] and result.turn.status == "completed"
    # Again in a session that is there, by its stream.
    with sessions.api.stream(result.turn.session_id, input=told, tool_handlers={"lookup": lookup}) as stream:
        stream.until_done()
    assert heard == [{"id": 7}, {"id": 7}]
    outputs = [item for item in sessions.items(result.turn.session_id) if item["type"] == "function_call_output"]
    assert [item["output"] for item in outputs] == ["policy seven"] * 2


def test_a_function_waits_for_its_result(sessions):
    session = sessions.begin(agent(LOOKUP), script([{"call": "lookup", "with": {"id": 7}}], [say("{result}")]))
    action = sessions.required(session.id)
    assert (action.type, action.name, action.arguments) == ("function_call", "lookup", {"id": 7})
    result = {"type": "tool_result", "call_id": action.call_id, "turn_id": action.turn_id, "success": True, "output": "x7"}
    with pytest.raises(openai.BadRequestError, match="Unknown pending tool call"):
        sessions.send(session.id, result | {"call_id": "call_none"})
    sessions.send(session.id, result)
    # The same again is no second result.
    sessions.send(session.id, result)
    assert sessions.settled(session.id).status == "idle"
    assert sessions.answer(session.id) == "lookup = x7"


def test_what_an_agent_is_reaches_the_model(sessions, vendor):
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"], "additionalProperties": False}
    made = {
        "model": "openai/mock-echo",
        "instructions": "Be short.",
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "schema": schema}},
    }
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    picture = [{"type": "input_text", "text": "what it shows"}, {"type": "input_image", "image_url": url}]
    session = sessions.begin(made, [{"role": "user", "content": "Look"}, {"role": "user", "content": picture}])
    assert sessions.settled(session.id).status == "idle"
    (sent,) = asked(vendor, "what it shows")
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "user"]
    assert sent["messages"][2]["content"][1]["image_url"]["url"] == url
    assert sent["reasoning_effort"] == "low" and sent["response_format"]["json_schema"]["schema"] == schema
    assert set(json.loads(sessions.answer(session.id))) == {"word"}
    shown = [item["content"] for item in sessions.items(session.id) if item.get("role") == "user"]
    assert shown[1][1]["image_url"] == url


# Behind the bridge.


@pytest.fixture(scope="module")
def bridged(vendor, tmp_path_factory) -> Iterator[Evenhand]:
    with conformance_server() as url:
        plugins = [provider("openai", vendor), provider("openai", vendor, "images", options={"api": "responses"}), bridge("far", url, sample={"model": "openai/mock-echo"})]
        text = config(*plugins, store={"url": "sqlite://evenhand.db"})
        with Evenhand(tmp_path_factory.mktemp("bridged"), text, secrets({"openai": vendor})) as running:
            yield running


def far(tool: str, **arguments: str) -> dict:
    return {"call": f"far_test_{tool}_*", "with": arguments}


def test_a_call_tells_those_who_listen_how_far_it_is(bridged):
    sessions = Sessions(bridged.client("openai").sdk)
    events = [event.to_dict() for event in sessions.begin(agent(ours("far/*")), script([far("tool_with_progress")], [say("Done")]), stream=True)]
    told = [event for event in events if event["type"] == "evenhand.tool.progress"]
    assert [(event["progress"], event["total"]) for event in told] == [(0, 100), (50, 100), (100, 100)]
    (call,) = sessions.calls(events[0]["session"]["id"])
    assert {event["item_id"] for event in told} == {call["id"]} and call["status"] == "completed"


def test_nobody_is_asked_in_a_session(bridged):
    sessions = Sessions(bridged.client("openai").sdk)
    session = sessions.begin(agent(ours("far/*")), script([far("elicitation", message="Who?")], [say("{result}")]))
    assert sessions.settled(session.id).status == "idle"
    (call,) = sessions.calls(session.id)
    assert call["status"] == "failed" and call["error"]["message"]


@pytest.mark.parametrize("model", ["openai", "images"])
def test_an_image_of_a_tool_is_shown(model, bridged, vendor):
    sessions = Sessions(bridged.client("openai").sdk)
    made = {"model": f"{model}/mock-script", "tools": [ours("far/*")]}
    session = sessions.begin(made, script([far("image_content")], [say(f"Seen by {model}.")]))
    assert sessions.settled(session.id).status == "idle" and sessions.answer(session.id) == f"Seen by {model}."
    (call,) = sessions.calls(session.id)
    (image,) = [piece for piece in call["output"]["content"] if piece["type"] == "image"]
    assert image["mimeType"] == "image/png"
    assert image["data"] in json.dumps(asked(vendor, f"Seen by {model}")[-1])


def test_what_a_tool_asks_a_model_counts(bridged, vendor):
    sessions = Sessions(bridged.client("openai").sdk)
    session = sessions.begin(agent(ours("far/*")), script([far("sampling", prompt="When is it?")], [say("{result}")]))
    assert sessions.settled(session.id).status == "idle"
    assert "LLM response: user: When is it?" in sessions.answer(session.id)
    requests = [openai_api.read(body) for body in asked(vendor, "When is it?")]
    used = [brain.answer(asked).usage for asked in requests]
    usage = sessions.turns(session.id)[0]["usage"]
    assert len(used) == 3
    assert (usage["input_tokens"], usage["output_tokens"]) == (sum(one.input for one in used), sum(one.output for one in used))


# Approvals.


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
        second = wait_for("the second question", lambda: next(iter(sessions.api.retrieve(session.id).required_actions), None))
        assert second.request_id != first.request_id
        sessions.decide(session.id, second.request_id, "approve")
        assert sessions.settled(session.id).status == "idle" and "is set" in sessions.answer(session.id)


# Ends.


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


def failed(sessions: Sessions, session, reason: str) -> dict:
    """The turn that failed, which is in the events and among the turns."""
    events = sessions.told(session.id)
    assert kinds(events)[-2:] == ["turn.failed", "idle"] and "error" in [event["type"] for event in events]
    (turn,) = sessions.turns(session.id)
    assert turn["status"] == "failed" and turn["error"]["reason"] == reason
    assert events[-2]["turn"]["error"] == turn["error"]
    return turn


def limited(**limits) -> dict:
    return {"extra_body": {"evenhand": {"limits": limits}}}


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


def ended(events: list[dict]) -> None:
    """With the session its turn is over; nobody was told in between that it waits for more."""
    assert "turn.failed" in kinds(events) and "idle" not in kinds(events)


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


# Events.


@pytest.mark.parametrize("cut", [1, 4, 9])
def test_who_comes_again_hears_the_rest_and_nothing_twice(cut, sessions):
    told = script([say("Looking."), calculate("1+1"), calculate("2+2")], [PAY], [say("{result}")])
    session = sessions.begin("claims", told)
    sessions.decide(session.id, sessions.required(session.id).request_id, "approve")
    sessions.settled(session.id)
    whole = sessions.told(session.id)
    ids = [event["event_id"] for event in whole]
    assert all(DURABLE.fullmatch(id) for id in ids) and len(set(ids)) == len(ids)
    assert sessions.told(session.id, after=ids[cut]) == whole[cut + 1 :]


def test_who_was_told_live_hears_the_rest_from_any_event(sessions):
    told = script([say("one two"), calculate("1+1")], [say("three four")])
    live = [event.to_dict() for event in sessions.begin("claims", told, stream=True)]
    whole = {event["event_id"]: event["type"] for event in sessions.told(live[0]["session"]["id"])}
    assert any(not DURABLE.fullmatch(event["event_id"]) for event in live)
    for cut, event in enumerate(live[1:-1], 1):
        before = {one["event_id"] for one in live[: cut + 1]}
        rest = sessions.told(live[0]["session"]["id"], after=event["event_id"])
        ids = [one["event_id"] for one in rest]
        assert len(set(ids)) == len(ids) and not before & set(ids)
        assert ids == list(whole)[-len(ids) :]
        # What is in neither was told live.
        assert all(id in before or kind.endswith(GROWS) for id, kind in whole.items() if id not in ids)


def test_who_begins_to_listen_hears_how_it_stands(sessions):
    session = sessions.begin("claims", script([say("Done")]))
    sessions.settled(session.id)
    first = next(sessions.listen(session.id, None))
    assert first["type"] == "agent.session.idle" and first["session"]["id"] == session.id


def test_deltas_are_told_live_and_the_log_ends_them(running, sessions):
    stream = sessions.begin("claims", script([say("one two three four five")]), stream=True)
    events = [event.to_dict() for event in stream]
    grown = [event for event in events if event["type"].endswith("output_text.delta")]
    assert "".join(event["delta"] for event in grown) == "one two three four five"
    assert len(grown) > 1 and {event["attempt_id"] for event in grown if "attempt_id" in event}
    assert kinds(events)[-1] == "idle"
    # Who came later hears the same in fewer words.
    session = events[0]["session"]["id"]
    again = [event for event in sessions.told(session) if event["type"].endswith("output_text.delta")]
    assert [event["delta"] for event in again] == ["one two three four five"]


@pytest.mark.parametrize("last", ["evt_x", "7", "evt_1"])
def test_an_event_id_of_another_kind_is_refused(last, sessions):
    session = sessions.begin("claims")
    with pytest.raises(openai.BadRequestError, match="Last-Event-ID"):
        next(sessions.listen(session.id, last))


# Whose they are.


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
    with Evenhand(tmp_path, config(*plugins, store={"url": "sqlite://evenhand.db"}), secrets({"openai": vendor})) as running:
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
    wrong = {"type": "mcp_approval_request_result", "request_id": "apr_none", "response": {"type": "mcp_tool_call", "decision": "approve"}}
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


def test_a_new_entry_in_approve_holds_for_sessions_that_wait(vendor, slow, tmp_path):
    whole = text(vendor, tmp_path, slow)
    with Evenhand(tmp_path, whole, secrets({"openai": vendor}) | KEYS) as running:
        sessions = client(running)
        session = sessions.begin("claims", script([PAY], [calculate("1+1")], [say("{result}")]))
        first = sessions.required(session.id)
        running.write(whole.replace('approve = ["notes/set"]', 'approve = ["notes/set", "calc/*"]'))
        wait_for("the change", lambda: [tool["server_label"] for tool in shown(sessions) if "require_approval" in tool] == ["calc", "notes"])
        sessions.decide(session.id, first.request_id, "approve")
        second = wait_for("the second question", lambda: next(iter(sessions.api.retrieve(session.id).required_actions), None))
        assert second.request.server_label == "calc"
        sessions.decide(session.id, second.request_id, "approve")
        assert sessions.settled(session.id).status == "idle" and "2" in sessions.answer(session.id)


def shown(sessions: Sessions) -> list[dict]:
    return sessions.sdk.beta.agents.retrieve("claims").to_dict()["tools"]


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


# As a model.


def test_an_agent_answers_a_chat(running, vendor):
    chat = running.client("openai", KEYS["TEAM_A"])
    told = script([say("Let me see."), calculate("20+1")], [say("{result}")])
    for stream in (False, True):
        answer = chat.ask("agent/claims", [chat.user(told)], stream=stream)
        assert answer.finish == "stop" and "21" in answer.text and answer.calls == []
        assert answer.input > 0 and answer.output > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_agent_answers_responses(stream, running, vendor):
    ask = running.client("openai-responses", KEYS["TEAM_A"])
    told = script([calculate("30+1")], [say("{result}")])
    first = ask.ask("agent/claims", [ask.user(told)], stream=stream)
    assert "31" in first.text and first.calls == []
    (call,) = [item for item in first.turn["items"] if item["type"] == "mcp_call"]
    assert (call["server_label"], call["name"]) == ("calc", "calculate") and "31" in call["output"]
    second = ask.ask("agent/claims", [ask.user(script([say("Again {result}")]))], stream=stream, previous_response_id=first.id)
    assert second.text.startswith("Again") and "31" in second.text
    last = asked(vendor, "Again")[-1]["messages"]
    assert [message["role"] for message in last] == ["system", "user", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_agent_answers_messages(stream, running, vendor):
    ask = running.client("anthropic", KEYS["TEAM_A"])
    turns = [ask.user(script([say("Let me see."), calculate("50+1")], [say("{result}")]))]
    first = ask.ask("agent/claims", turns, stream=stream)
    assert first.finish == "stop" and "51" in first.text and first.calls == []
    assert [block["type"] for block in first.turn["content"]] == ["text", "mcp_tool_use", "mcp_tool_result", "text"]
    second = ask.ask("agent/claims", [*turns, first.turn, ask.user(script([say("Again {result}")]))], stream=stream)
    assert second.text.startswith("Again") and "51" in second.text


def test_an_agent_that_is_a_model_tells_who_must_approve(running, sessions):
    ask = running.client("openai-responses", KEYS["TEAM_A"])
    answer = ask.ask("agent/claims", [ask.user(script([PAY], [say("{result}")]))])
    assert "A person must approve notes/set" in answer.text
    id = next(word for word in answer.text.replace(".", " ").split() if word.startswith("sess_"))
    sessions.decide(id, sessions.required(id).request_id, "approve")
    assert sessions.settled(id).status == "idle" and "is set" in sessions.answer(id)


def test_a_clients_function_is_called_through_an_agent_that_is_a_model(running):
    chat = running.client("openai", KEYS["TEAM_A"])
    tool = {"name": "lookup", "description": "Looks up.", "schema": LOOKUP["parameters"]}
    turns = [chat.user(script([{"call": "lookup", "with": {"id": 7}}], [say("{result}")]))]
    first = chat.ask("agent/claims", turns, tools=[tool])
    (call,) = first.calls
    assert (first.finish, call.name, call.arguments) == ("tool_calls", "lookup", {"id": 7})
    second = chat.ask("agent/claims", [*turns, first.turn, *chat.results([(call.id, "seven")])], tools=[tool])
    assert second.text == "lookup = seven"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", ["openai-responses", "anthropic"])
def test_functions_of_the_client_go_on_beside_the_agents_own_calls(dialect, stream, running, vendor):
    ask = running.client(dialect, KEYS["TEAM_A"])
    tool = {"name": "lookup", "description": "Looks up.", "schema": LOOKUP["parameters"]}
    turns = [ask.user(script([calculate("60+1"), {"call": "lookup", "with": {"id": 7}}], [say("Both there.")]))]
    first = ask.ask("agent/claims", turns, tools=[tool], stream=stream)
    (call,) = first.calls
    assert (first.finish, call.name) == ("tool_calls", "lookup")
    second = ask.ask("agent/claims", [*turns, first.turn, *ask.results([(call.id, "seven")])], tools=[tool], stream=stream)
    assert (second.text, second.calls) == ("Both there.", [])
    results = [message["content"] for message in asked(vendor, "Both there.")[-1]["messages"] if message["role"] == "tool"]
    assert len(results) == 2 and "61" in json.dumps(results) and "seven" in json.dumps(results)


def test_a_key_without_the_agent_has_no_such_model(running):
    poor = running.client("openai", KEYS["TEAM_C"])
    for model in ("agent/claims", "agent/none"):
        with pytest.raises(openai.NotFoundError, match=model):
            poor.ask(model, [poor.user("Hi")])


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


def test_without_a_store_there_are_no_agents(vendor, tmp_path):
    with Evenhand(tmp_path, config(provider("openai", vendor)), secrets({"openai": vendor})) as running:
        answer = httpx.get(f"{running.url}/v1/agents")
        assert answer.status_code == 404 and "[store]" in answer.json()["error"]["message"]
