"""Cases 1 to 11: messages and tools."""

import json

import pytest

from clients import PNG
from fidelity.stage import Pair
from fidelity.words import Ask, Call, Image, Result, Text, Tool, Turn, answer, assistant, results, system, user

fidelity = pytest.mark.fidelity

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool("weather", CITY, "The weather of a place")
CLOCK = Tool("clock", {"type": "object", "properties": {}, "additionalProperties": False}, "The time")
ROME, OSLO = Call("call_rome", "weather", '{"city": "Rome"}'), Call("call_oslo", "weather", '{"city": "Oslo"}')
# Vendors whose requests have a user's turn for results.
IN_USERS_TURN = ("anthropic", "bedrock", "gemini")


def said(result: Result) -> str:
    return "".join(part.text for part in result.parts if isinstance(part, Text))


@fidelity(1, "A tool call without arguments is `{}`")
def test_01_no_arguments(to: Pair) -> None:
    # Some servers say nothing where others say `{}`.
    nothing = "{}" if to.native else ""
    seen, got = to.ask(Ask([user("Time?")], (CLOCK,)), answer("Let me see.", Call("call_1", "clock", nothing)))
    assert got.calls == [Call("call_1", "clock", "{}")] and got.finish == "tool_calls" and got.text == "Let me see."
    turns = [user("Time?"), assistant(Call("call_1", "clock", nothing)), results(Result("call_1", (Text("noon"),)))]
    seen, _ = to.ask(Ask(turns, (CLOCK,)))
    assert [call.arguments for call in seen.all(Call)] == ["{}"]


@fidelity(
    2,
    "The first chunk has the role, usage its own last chunk where it is asked for, the end is `[DONE]`",
    na=dict.fromkeys(("responses", "messages"), "It is about streams of OpenAI Chat."),
    streams=(True,),
)
def test_02_chunks(to: Pair) -> None:
    _, got = to.ask(Ask([user("Hi")]), answer("Hello there."))
    assert got.usage and got.text == "Hello there."
    quiet = Ask([user("Hi")], own={"chat": {"stream_options": {"include_usage": False}}})
    got = to.send(quiet, to.reply(b"".join(to.wire.stream(answer("Hello there.")))))
    to.client.read(got, True, usage=False)
    assert got.text == "Hello there."


@fidelity(3, "Parallel results are one turn of the user's where the vendor has no role for them, in order")
def test_03_parallel_results(to: Pair) -> None:
    turns = [
        user("Rome and Oslo?"),
        assistant("Two calls.", ROME, OSLO),
        results(Result(ROME.id, (Text("7 °C"),)), Result(OSLO.id, (Text("-3 °C"),))),
        user("Well?"),
    ]
    seen, _ = to.ask(Ask(turns, (WEATHER,)))
    assert [json.loads(call.arguments)["city"] for call in seen.all(Call)] == ["Rome", "Oslo"]
    assert [said(result) for result in seen.all(Result)] == ["7 °C", "-3 °C"]
    if to.provider in IN_USERS_TURN:
        (turn,) = [turn for turn in seen.turns if any(isinstance(part, Result) for part in turn.parts)]
        assert turn.role == "user" and [isinstance(part, Result) for part in turn.parts[:2]] == [True, True]
    assert seen.turns[-1].parts[-1] == Text("Well?")


@fidelity(4, "A history of tools without `tools` still reaches vendors that demand a list")
def test_04_history_without_tools(to: Pair) -> None:
    turns = [user("Rome?"), assistant(ROME), results(Result(ROME.id, (Text("7 °C"),))), user("Thanks. And now?")]
    seen, _ = to.ask(Ask(turns))
    assert [call.name for call in seen.all(Call)] == ["weather"] and [said(one) for one in seen.all(Result)] == ["7 °C"]
    assert [tool.name for tool in seen.tools] == (["weather"] if to.provider == "bedrock" else [])


@fidelity(5, "Tool names that the vendor refuses are renamed, the same way each time, and restored")
def test_05_names(to: Pair) -> None:
    # A vendor's own clients can't send what it refuses.
    names = ["n" * 64, "read-file_2", "a_b"] if to.native else ["files.read/größe", "n" * 100, "files/read.größe"]
    tools = tuple(Tool(name, CITY) for name in names)
    turns = [
        user("Go"),
        assistant(Call("call_0", names[0], '{"city": "Rome"}')),
        results(Result("call_0", (Text("ok"),))),
    ]
    first, _ = to.ask(Ask(turns, tools, choice=("tool", names[1])))
    sent = [tool.name for tool in first.tools]
    assert len(set(sent)) == 3 and all(len(name) <= 64 and name.isascii() for name in sent)
    assert first.choice == ("tool", sent[1])
    assert [call.name for call in first.all(Call)] == [sent[0]]
    calls = [Call(f"call_{at}", name, '{"city": "Oslo"}') for at, name in enumerate(sent, 1)]
    again, got = to.ask(Ask([user("Go")], tools[::-1]), answer(*calls))
    assert [tool.name for tool in again.tools] == sent[::-1]
    assert [call.name for call in got.calls] == names


@fidelity(
    6, "Arguments that are no object or cut off: the call stays visible; `{}` with a warning where an object is a must"
)
def test_06_cut_arguments(to: Pair) -> None:
    # What comes whole is an object at these vendors, and Gemini's calls always come whole.
    whole = to.provider == "gemini" or (not to.stream and to.provider in ("anthropic", "bedrock"))
    if not whole:
        _, got = to.ask(
            Ask([user("Rome?")], (WEATHER,)), answer(Call("call_1", "weather", '{"city": "Ro'), finish="length")
        )
        assert got.finish == "length"
        (call,) = got.calls
        assert (call.id, call.name) == ("call_1", "weather")
        if to.dialect == "messages" and not to.stream:
            assert call.arguments == "{}" and "arguments" in got.warnings
        else:
            assert call.arguments == '{"city": "Ro'
    if to.dialect == "messages":
        # Its clients have objects only.
        return
    calls = [Call("call_1", "weather", '{"city": "Ro'), Call("call_2", "weather", "[1]")]
    turns = [user("Rome?"), assistant(*calls), results(*(Result(call.id, (Text("Please again."),)) for call in calls))]
    seen, got = to.ask(Ask(turns, (WEATHER,)))
    if to.provider in IN_USERS_TURN:
        assert [call.arguments for call in seen.all(Call)] == ["{}", "{}"]
        assert "arguments" in got.warnings
    else:
        assert [call.arguments for call in seen.all(Call)] == ['{"city": "Ro', "[1]"]


@fidelity(7, "An empty message of the assistant's is skipped where the vendor refuses it; one of calls alone is kept")
def test_07_empty_messages(to: Pair) -> None:
    turns = [user("Rome?"), assistant(ROME), results(Result(ROME.id, (Text("7 °C"),)))]
    seen, _ = to.ask(Ask(turns, (WEATHER,)))
    assert [call.name for call in seen.all(Call)] == ["weather"]
    assert not [part for part in seen.turns[1].parts if isinstance(part, Text) and part.text]
    if to.native and to.provider == "anthropic":
        # It goes as it is, and the vendor says what it thinks of it.
        return
    for nothing in ("", " \n"):
        seen, _ = to.ask(Ask([user("One?"), assistant(nothing), user("Two?")]))
        texts = [part.text for part in seen.all(Text)]
        assert [text for text in texts if text.strip()] == ["One?", "Two?"]
        if to.provider in ("anthropic", "bedrock"):
            assert nothing not in texts and "assistant" not in seen.roles


@fidelity(8, "A tool's result without content is kept; images in results are kept, or there is a warning")
def test_08_results(to: Pair) -> None:
    seen, _ = to.ask(Ask([user("Go"), assistant(ROME), results(Result(ROME.id))], (WEATHER,)))
    assert [said(result) for result in seen.all(Result)] == [""]
    if (to.native, to.provider) == (True, "openai"):
        # The vendor's own clients can't send pictures there.
        return
    shown = Result(ROME.id, (Text("A picture:"), Image(PNG)))
    seen, got = to.ask(Ask([user("Go"), assistant(ROME), results(shown)], (WEATHER,)))
    (result,) = seen.all(Result)
    assert "A picture:" in said(result)
    if to.provider == "openai":
        assert "image" in got.warnings
    else:
        assert [part.data for part in result.parts if isinstance(part, Image)] == [PNG]
    if to.dialect == "messages":
        # Its clients can say that a tool failed.
        broke = Result(ROME.id, (Text("No such city."),), error=True)
        seen, got = to.ask(Ask([user("Go"), assistant(ROME), results(broke)], (WEATHER,)))
        (result,) = seen.all(Result)
        assert said(result) == "No such city." and (result.error or "is_error" in got.warnings)


@fidelity(9, "A system message within a conversation doesn't cost the one at its top")
def test_09_system_messages(to: Pair) -> None:
    turns = [system("Be brief."), user("One?"), assistant("1"), Turn("system", (Text("Be kind."),)), user("Two?")]
    if to.native and to.provider == "anthropic":
        turns.pop(3)
        turns.insert(3, user("Be kind."))
    seen, _ = to.ask(Ask(turns))
    told = [part.text for part in seen.system] + [part.text for part in seen.all(Text)]
    assert "Be brief." in "\n".join(part.text for part in seen.system)
    assert "Be kind." in "\n".join(told)
    assert "\n".join(told).count("Be brief.") == 1


@fidelity(10, "Messages of one role in a row are merged where the vendor demands turns")
def test_10_turns(to: Pair) -> None:
    turns = [user("One?"), user("Two?"), assistant("1"), assistant("2"), user("Three?")]
    seen, _ = to.ask(Ask(turns))
    assert [part.text for part in seen.all(Text)] == ["One?", "Two?", "1", "2", "Three?"]
    if to.provider == "bedrock":
        assert seen.roles == ["user", "assistant", "user"]


# A tool that the vendor of a dialect runs or defines, and others don't have.
OWN_TOOLS = {
    "chat": {"type": "custom", "custom": {"name": "patch", "description": "A patch"}},
    "responses": {"type": "image_generation"},
    "messages": {"type": "web_search_20250305", "name": "web_search"},
}


# Who has the tool of a dialect, natively or not. Our plugin for OpenAI's chats translates functions only.
HAVE = [("chat", "openai-responses"), ("responses", "openai-responses"), ("messages", "anthropic")]


@fidelity(11, "Tools of a vendor's own that a target lacks: 400 that names the tool")
def test_11_server_tools(to: Pair) -> None:
    tool = OWN_TOOLS[to.dialect]
    ask = Ask([user("Go")], own={to.dialect: {"tools": [tool]}})
    if to.native or (to.dialect, to.provider) in HAVE:
        # Whether its model has the tool is the vendor's to say.
        to.send(ask)
        (sent,) = to.asked()[-1].json["tools"]
        assert sent["type"] == tool["type"] and (sent == tool or not to.native)
    else:
        to.refused(ask, {"chat": "patch", "responses": "image_generation", "messages": "web_search"}[to.dialect])
    if (to.dialect, to.provider) == ("responses", "anthropic"):
        # A search that both vendors run is asked for in the target's words.
        to.send(Ask([user("Go")], own={"responses": {"tools": [{"type": "web_search"}]}}))
        (sent,) = to.asked()[-1].json["tools"]
        assert sent["type"].startswith("web_search_")
