"""Tools that the host runs for a request: the vendor sees calls and results, the client one answer; by the official SDKs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import anthropic
import openai
import pytest

from clients import Answer
from harness import Evenhand, Plugin, config, provider, responses, secrets, wait_for, wasm
from hosted import CALC, calculate, say
from vendors import Vendor, brain, openai_api, script

KEYS = {"TEAM_A": "sk-team-a-0123456789", "TEAM_C": "sk-team-c-0123456789"}
CLIENTS = ["openai", "openai-responses", "anthropic"]
PROVIDERS = ["openai", "openai-responses", "anthropic"]
OURS = {"type": "evenhand", "tools": ["calc/*"]}
CLOCK = {"name": "clock", "description": "Tells the time.", "schema": {"type": "object", "properties": {}}}
MCP_BETA = "mcp-client-2025-11-20"


@pytest.fixture(scope="module")
def running(own_vendors, tmp_path_factory) -> Iterator[Evenhand]:
    folder = tmp_path_factory.mktemp("hosted")
    plugins = [
        *(provider(name, vendor) for name, vendor in own_vendors.items()),
        responses(own_vendors["openai"]),
        Plugin("calc", wasm("calc")),
        Plugin("notes", wasm("kv"), {"namespace": "notes"}, {"kv": {"notes": "key"}}),
    ]
    tools = {"TEAM_A": ["*"], "TEAM_C": ["notes/*"]}
    keys = [{"name": name.lower(), "secret": {"env": name}, "models": ["*"], "tools": tools[name]} for name in KEYS]
    text = config(*plugins, keys=keys, store={"url": f"sqlite://{folder / 'evenhand.db'}"})
    with Evenhand(folder, text, secrets(own_vendors) | KEYS) as running:
        yield running


@pytest.fixture
def asked(own_vendors):
    """What a vendor was asked since the test began, model lists aside."""
    before = {name: len(vendor.requests) for name, vendor in own_vendors.items()}

    def asked(name: str) -> list[dict]:
        vendor: Vendor = own_vendors[name]
        return [request.json for request in vendor.requests[before[name] :] if request.method == "POST"]

    return asked


def function(dialect: str, tool: dict) -> dict:
    """A function of the client's, as its dialect has it."""
    told = {"name": tool["name"], "description": tool["description"]}
    match dialect:
        case "openai":
            return {"type": "function", "function": told | {"parameters": tool["schema"]}}
        case "openai-responses":
            return {"type": "function", "strict": False, "parameters": tool["schema"]} | told
        case _:
            return told | {"input_schema": tool["schema"]}


def ask(
    running: Evenhand,
    dialect: str,
    told: str | list,
    *,
    tools: Sequence[dict] = (OURS,),
    functions: Sequence[dict] = (),
    model: str = "openai/mock-script",
    key: str = "TEAM_A",
    body: dict | None = None,
    **more: Any,
) -> Answer:
    """One request with hosted tools beside functions of the client's."""
    client = running.client(dialect, KEYS[key])
    turns = told if isinstance(told, list) else [client.user(told)]
    all = [*tools, *(function(dialect, one) for one in functions)]
    return client.ask(model, turns, extra_body={"tools": all} | (body or {}), **more)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", PROVIDERS)
@pytest.mark.parametrize("dialect", CLIENTS)
def test_the_vendor_sees_calls_and_the_client_one_answer(dialect, model, stream, running, asked):
    told = script([say("Looking."), calculate("70000+7"), calculate("80000+8")], [calculate("90000+9")], [say("It is {result}")])
    answer = ask(running, dialect, told, model=f"{model}/mock-script", stream=stream)
    assert "Looking." in answer.text and "It is" in answer.text and "90009" in answer.text
    assert (answer.finish, answer.calls) == ("stop", [])
    first, second, third = map(json.dumps, asked("anthropic" if model == "anthropic" else "openai"))
    assert "70007" not in first and "70007" in second and "80008" in second
    assert "90009" not in second and "90009" in third and "evenhand" not in third


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", CLIENTS)
def test_usage_is_that_of_all_steps(dialect, stream, running, asked):
    answer = ask(running, dialect, script([calculate("1+1")], [say("one two three")]), stream=stream)
    used = [brain.answer(openai_api.read(body)).usage for body in asked("openai")]
    assert len(used) == 2
    assert (answer.input, answer.output) == (sum(one.input for one in used), sum(one.output for one in used))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_responses_show_calls_as_items(stream, running):
    answer = ask(running, "openai-responses", script([calculate("6*7")], [say("{result}")]), stream=stream)
    call, message = answer.turn["items"]
    assert (call["type"], call["server_label"], call["name"], call["status"]) == ("mcp_call", "calc", "calculate", "completed")
    assert json.loads(call["arguments"]) == {"expression": "6*7"} and "42" in call["output"] and not call.get("error")
    assert message["type"] == "message"


def messages(running: Evenhand, stream: bool, given: dict):
    """An answer by the part of the SDK that knows blocks of MCP."""
    sdk = running.client("anthropic", KEYS["TEAM_A"]).sdk
    told = script([calculate("6*7")], [say("{result}")])
    given |= {"model": "openai/mock-script", "max_tokens": 99, "messages": [{"role": "user", "content": told}]}
    if not stream:
        return sdk.beta.messages.create(**given)
    with sdk.beta.messages.stream(**given) as events:
        return events.get_final_message()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_messages_show_calls_as_blocks(stream, running):
    answer = messages(running, stream, {"tools": [OURS]})
    use, result, text = answer.to_dict()["content"]
    assert (use["type"], use["server_name"], use["name"]) == ("mcp_tool_use", "calc", "calculate")
    assert use["input"] == {"expression": "6*7"}
    assert (result["type"], result["tool_use_id"], result["is_error"]) == ("mcp_tool_result", use["id"], False)
    assert "42" in result["content"][0]["text"] and text["type"] == "text"


def test_a_call_that_fails_is_shown_as_such(running, asked):
    told = script([{"call": CALC, "with": {"expression": 1}}], [calculate("1/0")], [say("{result}")])
    answer = ask(running, "openai-responses", told)
    wrong, failed, _ = answer.turn["items"]
    assert "/expression" in json.dumps(wrong["error"]) and "1/0" in json.dumps(failed["error"])
    last = asked("openai")[-1]
    assert "/expression" in json.dumps(last) and "1/0" in json.dumps(last["messages"][-1])


# The dialects' own shapes.


@pytest.mark.parametrize("allowed", [None, ["calculate"], {"tool_names": ["calculate"]}], ids=["all", "named", "filtered"])
def test_the_shape_that_responses_have_for_servers(allowed, running):
    tool = {"type": "mcp", "server_label": "sums", "server_url": "evenhand:calc", "require_approval": "never"}
    tool |= {"allowed_tools": allowed} if allowed else {}
    answer = ask(running, "openai-responses", script([calculate("6*7")], [say("{result}")]), tools=[tool])
    assert "42" in answer.text and answer.turn["items"][0]["type"] == "mcp_call"


def test_an_approval_can_not_be_waited_for_in_a_request(running):
    tool = {"type": "mcp", "server_label": "sums", "server_url": "evenhand:calc", "require_approval": "always"}
    with pytest.raises(openai.BadRequestError, match="require_approval"):
        ask(running, "openai-responses", "Hi", tools=[tool])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_shape_that_messages_have_for_servers(stream, running):
    servers = [{"type": "url", "name": "sums", "url": "evenhand:calc"}]
    tools = [{"type": "mcp_toolset", "mcp_server_name": "sums"}]
    answer = messages(running, stream, {"mcp_servers": servers, "tools": tools, "betas": [MCP_BETA]})
    assert [block.type for block in answer.content] == ["mcp_tool_use", "mcp_tool_result", "text"]
    assert "42" in answer.content[-1].text and answer.stop_reason == "end_turn"


# Beside functions of the client's.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", CLIENTS)
def test_functions_of_the_client_are_left_to_it(dialect, stream, running, asked):
    told = script([calculate("6*7"), {"call": "clock", "with": {}}], [calculate("1+1")], [say("{result}")])
    client = running.client(dialect, KEYS["TEAM_A"])
    turns = [client.user(told)]
    first = ask(running, dialect, turns, functions=[CLOCK], stream=stream)
    (call,) = first.calls
    assert (first.finish, call.name) == ("tool_calls", "clock")
    second = ask(running, dialect, [*turns, first.turn, *client.results([(call.id, "noon")])], functions=[CLOCK], stream=stream)
    assert second.finish == "stop" and second.text
    if dialect == "openai":
        # Chats have no place for what the host ran: the model is told of its own call again.
        return
    sent = asked("openai")[-1]["messages"]
    results = [message["content"] for message in sent if message["role"] == "tool"]
    assert any("42" in json.dumps(result) for result in results) and any("noon" in json.dumps(result) for result in results)


@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_call_is_forced_once(dialect, running, asked):
    """Else the model could never answer."""
    choice = {"type": "any"} if dialect == "anthropic" else "required"
    answer = ask(running, dialect, script([calculate("6*7")], [say("{result}")]), body={"tool_choice": choice})
    assert "42" in answer.text
    first, second = asked("openai")
    assert first["tool_choice"] == "required" and second.get("tool_choice", "auto") == "auto"


def test_tools_are_called_for_one_answer_only(running):
    with pytest.raises(openai.BadRequestError, match="one answer"):
        ask(running, "openai", "Hi", body={"n": 2})


def test_tools_are_called_in_the_background(running):
    sdk = running.client("openai-responses", KEYS["TEAM_A"]).sdk
    told = script([calculate("6*7")], [say("{result}")])
    begun = sdk.responses.create(model="openai/mock-script", input=told, background=True, extra_body={"tools": [OURS]})
    done = wait_for("its end", lambda: (now := sdk.responses.retrieve(begun.id)).status == "completed" and now)
    assert "42" in done.output_text and done.output[0].type == "mcp_call"


# What a client sends back.


def calls_and_results(body: dict) -> tuple[list[str], list[str]]:
    """In a chat for the vendor: ids of calls, and those that have a result."""
    calls = [call["id"] for message in body["messages"] for call in message.get("tool_calls") or []]
    return calls, [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", ["openai-responses", "anthropic"])
def test_what_a_client_sends_back_reaches_the_vendor_as_calls(dialect, stream, running, asked):
    client = running.client(dialect, KEYS["TEAM_A"])
    turns = [client.user(script([calculate("6*7"), calculate("7*7")], [calculate("8*8")], [say("{result}")]))]
    first = ask(running, dialect, turns, stream=stream)
    more = [*turns, first.turn, client.user(script([say("Again: {result}")]))]
    second = ask(running, dialect, more, stream=stream)
    assert second.text.startswith("Again: ") and "64" in second.text
    sent = asked("openai")[-1]
    calls, results = calls_and_results(sent)
    assert len(calls) == 3 and sorted(calls) == sorted(results)
    told = json.dumps(sent["messages"])
    assert "evh_" not in told and "42" in told and "49" in told
    roles = [message["role"] for message in sent["messages"]]
    assert roles[:2] == ["user", "assistant"] and roles[-1] == "user"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_that_is_kept_is_gone_on_from(stream, running, asked):
    first = ask(running, "openai-responses", script([calculate("6*7")], [say("{result}")]), stream=stream)
    told = script([say("Again: {result}")])
    second = ask(running, "openai-responses", told, stream=stream, previous_response_id=first.id)
    assert second.text.startswith("Again: ") and "42" in second.text
    calls, results = calls_and_results(asked("openai")[-1])
    assert len(calls) == 1 and calls == results


def test_another_vendor_goes_on(running, asked):
    client = running.client("anthropic", KEYS["TEAM_A"])
    turns = [client.user(script([calculate("6*7")], [say("{result}")]))]
    first = ask(running, "anthropic", turns)
    more = [*turns, first.turn, client.user(script([say("Again: {result}")]))]
    # Without the tools: what was called stays in the conversation.
    second = ask(running, "anthropic", more, model="anthropic/mock-script")
    assert second.text.startswith("Again: ") and "42" in second.text
    assert "mcp_tool" not in json.dumps(asked("anthropic")[-1]["messages"])


# Refused.


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize(
    ("key", "rule"),
    [("TEAM_A", "none/*"), ("TEAM_A", "calc/none"), ("TEAM_C", "calc/*")],
    ids=["no plugin", "no tool", "none for the key"],
)
def test_a_rule_that_fits_no_tool_is_not_found(key, rule, dialect, running):
    errors = anthropic if dialect == "anthropic" else openai
    with pytest.raises(errors.NotFoundError) as error:
        ask(running, dialect, "Hi", tools=[{"type": "evenhand", "tools": [rule]}], key=key)
    assert rule in str(error.value)


@pytest.mark.parametrize("tool", [{"type": "evenhand"}, {"type": "evenhand", "tools": []}, OURS | {"approve": ["calc/*"]}])
def test_a_shape_that_says_nothing_is_refused(tool, running):
    with pytest.raises(openai.BadRequestError, match="evenhand"):
        ask(running, "openai", "Hi", tools=[tool])


def test_a_model_that_never_ends_is_ended(running):
    told = script(*[[calculate(f"{n}+1")] for n in range(60)], [say("Done")])
    with pytest.raises(openai.APIStatusError, match="gave no answer"):
        ask(running, "openai", told)
