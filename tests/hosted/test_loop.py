"""The loop of an agent: model, calls, answer; functions of the client's; tools behind the bridge. By OpenAI's SDK."""

import base64
import json
from collections.abc import Iterator

import openai
import pytest

from clients import PNG
from harness import Evenhand, config, provider, secrets
from hosted import DURABLE, Sessions, calculate, kinds, ours, say
from hosted.stage import LOOKUP, agent, asked, text
from mcp_servers import bridge, conformance_server
from vendors import brain, openai_api, script


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
        images = provider("openai", vendor, "images", options={"api": "responses"})
        plugins = [provider("openai", vendor), images, bridge("far", url, sample={"model": "openai/mock-echo"})]
        text = config(*plugins, store={"url": "sqlite://evenhand.db"})
        with Evenhand(tmp_path_factory.mktemp("bridged"), text, secrets({"openai": vendor})) as running:
            yield running


def far(tool: str, **arguments: str) -> dict:
    return {"call": f"far_test_{tool}_*", "with": arguments}


def test_a_call_tells_those_who_listen_how_far_it_is(bridged):
    sessions = Sessions(bridged.client("openai").sdk)
    stream = sessions.begin(agent(ours("far/*")), script([far("tool_with_progress")], [say("Done")]), stream=True)
    events = [event.to_dict() for event in stream]
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
    requests = asked(vendor, "When is it?")
    used = [brain.answer(openai_api.read(body)).usage for body in requests]
    usage = sessions.turns(session.id)[0]["usage"]
    assert len(used) == 3
    assert (usage["input_tokens"], usage["output_tokens"]) == (sum(one.input for one in used), sum(one.output for one in used))
