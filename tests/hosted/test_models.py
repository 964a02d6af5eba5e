"""An agent as a model, in chats, Responses and Messages."""

import json

import httpx
import openai
import pytest

from harness import Evenhand, config, provider, secrets, wait_for
from hosted import calculate, log, say
from hosted.stage import KEYS, LOOKUP, PAY, asked, client, text
from vendors import script


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


def test_without_a_store_there_are_no_agents(vendor, tmp_path):
    with Evenhand(tmp_path, config(provider("openai", vendor)), secrets({"openai": vendor})) as running:
        answer = httpx.get(f"{running.url}/v1/agents")
        assert answer.status_code == 404 and "[store]" in answer.json()["error"]["message"]
