"""What must come out whatever dialect the client speaks, whoever answers, streamed or not. Run against the mock vendors
themselves (test_vendors.py) and through Evenhand (test_pairs.py)."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import jsonschema

from clients import PNG, Answer, AnthropicClient, OpenAIClient


@dataclass
class Setting:
    """Who asks whom, and how."""

    client: OpenAIClient | AnthropicClient
    provider: str
    """The vendor's dialect."""
    stream: bool
    prefix: str = ""
    """What stands before a model's name."""

    def ask(self, model: str, turns: list[dict], **more) -> Answer:
        """Asks a mock model."""
        return self.client.ask(self.prefix + model, turns, stream=self.stream, **more)


CASES: list[Callable[[Setting], None]] = []


def case(function: Callable[[Setting], None]) -> Callable[[Setting], None]:
    CASES.append(function)
    return function


def words(text: str) -> int:
    return len(text.split())


WEATHER = {
    "name": "weather",
    "description": "The weather of a place",
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}},
        "required": ["city", "days", "unit"],
        "additionalProperties": False,
    },
}
CLOCK = {
    "name": "clock",
    "description": "The time",
    "schema": {"type": "object", "properties": {}, "additionalProperties": False},
}


def weather(text: str) -> dict:
    """The arguments that the mock makes of what the user said."""
    return {"city": text, "days": words(text), "unit": ["C", "F"][words(text) % 2]}


def line(name: str, arguments: dict) -> str:
    return f"call {name}({json.dumps(arguments, sort_keys=True)})"


@case
def chat(to: Setting) -> None:
    answer = to.ask("mock-echo", [to.client.user("Hello there, who are you?")])
    assert answer.text == "user: Hello there, who are you?"
    assert answer.finish == "stop" and answer.calls == []
    assert (answer.input, answer.output, answer.cached) == (5, 6, 0)
    assert answer.id
    assert answer.pieces == (6 if to.stream else 1)


@case
def system_prompt(to: Setting) -> None:
    answer = to.ask("mock-echo", [to.client.user("Hi")], system="Be brief.\nBe kind.")
    assert answer.text == "system: Be brief.\nBe kind.\nuser: Hi"


@case
def multi_turn(to: Setting) -> None:
    turns = [to.client.user("One?")]
    first = to.ask("mock-echo", turns)
    turns += [first.turn, to.client.user("Two?")]
    second = to.ask("mock-echo", turns)
    assert second.text == "user: One?\nassistant: user: One?\nuser: Two?"
    turns += [second.turn, to.client.user("Three?")]
    assert to.ask("mock-echo", turns).text == f"{second.text}\nassistant: {second.text}\nuser: Three?"


@case
def text_of_all_scripts(to: Setting) -> None:
    said = 'Grüße \u202eאב "quotes" \\n 漢字 🇺🇳👩\u200d👩\u200d👧 \u2028end'
    assert to.ask("mock-dribble", [to.client.user(said)]).text == f"user: {said}"


@case
def image(to: Setting) -> None:
    answer = to.ask("mock-echo", [to.client.user("What is this?", PNG)])
    digest = hashlib.sha256(PNG).hexdigest()[:16]
    assert answer.text == f"user: What is this?\nuser: [image/png {len(PNG)} bytes sha256 {digest}]"


@case
def image_by_url(to: Setting) -> None:
    url = "https://pictures.example/cat.png?size=1"
    answer = to.ask("mock-echo", [to.client.user("And this?", url)])
    assert hashlib.sha256(url.encode()).hexdigest()[:16] in answer.text


@case
def tool_round_trip(to: Setting) -> None:
    turns = [to.client.user("Rome today")]
    asked = to.ask("mock-tools", turns, tools=[WEATHER])
    assert asked.finish == "tool_calls" and asked.text == ""
    (call,) = asked.calls
    assert (call.name, call.arguments) == ("weather", weather("Rome today")) and call.id
    turns += [asked.turn, *to.client.results([(call.id, "7 °C")])]
    told = to.ask("mock-tools", turns, tools=[WEATHER])
    assert told.finish == "stop"
    assert told.text == f"user: Rome today\nassistant: {line('weather', call.arguments)}\ntool: weather = 7 °C"


@case
def parallel_tools(to: Setting) -> None:
    turns = [to.client.user("Oslo now please")]
    asked = to.ask("mock-parallel-tools", turns, tools=[WEATHER, CLOCK])
    assert asked.finish == "tool_calls" and asked.text == "Calling 2 tools."
    assert [(call.name, call.arguments) for call in asked.calls] == [
        ("weather", weather("Oslo now please")),
        ("clock", {}),
    ]
    first, second = (call.id for call in asked.calls)
    assert first != second
    turns += [asked.turn, *to.client.results([(first, "-3 °C"), (second, "12:00")]), to.client.user("Well?")]
    told = to.ask("mock-echo", turns, tools=[WEATHER, CLOCK])
    assert told.text.splitlines() == [
        "user: Oslo now please",
        "assistant: Calling 2 tools.",
        f"assistant: {line('weather', asked.calls[0].arguments)}",
        f"assistant: {line('clock', {})}",
        "tool: weather = -3 °C",
        "tool: clock = 12:00",
        "user: Well?",
    ]


@case
def one_tool_at_a_time(to: Setting) -> None:
    asked = to.ask("mock-parallel-tools", [to.client.user("Lima")], tools=[WEATHER, CLOCK], parallel=False)
    # Gemini's API has no word for it: a warning says so (test_pairs.py).
    assert [call.name for call in asked.calls] == ["weather"] + ["clock"] * (to.provider == "gemini")


@case
def tool_without_arguments(to: Setting) -> None:
    turns = [to.client.user("What time is it?")]
    asked = to.ask("mock-tools", turns, tools=[CLOCK])
    assert [(call.name, call.arguments) for call in asked.calls] == [("clock", {})]
    turns += [asked.turn, *to.client.results([(asked.calls[0].id, "noon")])]
    assert to.ask("mock-echo", turns, tools=[CLOCK]).text.endswith("assistant: call clock({})\ntool: clock = noon")


@case
def json_schema(to: Setting) -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "count": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "inner": {
                "type": "object",
                "properties": {"ok": {"type": "boolean"}},
                "required": ["ok"],
                "additionalProperties": False,
            },
        },
        "required": ["title", "count", "tags", "inner"],
        "additionalProperties": False,
    }
    answer = json.loads(to.ask("mock-echo", [to.client.user("a b c d")], schema=schema).text)
    jsonschema.validate(answer, schema)
    assert answer == {"title": "a b c d", "count": 4, "tags": ["a", "b", "c"], "inner": {"ok": False}}


@case
def stop_sequences(to: Setting) -> None:
    answer = to.ask("mock-echo", [to.client.user("alpha beta STOP gamma HALT")], stop=["HALT", "STOP"])
    assert answer.text.rstrip() == "user: alpha beta"
    if (to.client.dialect, to.provider) == ("anthropic", "anthropic"):
        assert (answer.finish, answer.stopped_by) == ("stop_sequence", "STOP")
    else:
        # OpenAI's API doesn't tell a stop sequence from an end.
        assert answer.finish in ("stop", "stop_sequence")


@case
def cached_usage(to: Setting) -> None:
    turns = [to.client.user("one two"), {"role": "assistant", "content": "three"}, to.client.user("four five six")]
    answer = to.ask("mock-cached-usage", turns, system="these four are cached")
    assert (answer.input, answer.cached) == (10, 4)
    assert answer.output == words(answer.text) == 14


@case
def length_limit(to: Setting) -> None:
    # Some vendors take no lower limit than this one.
    said = " ".join("abcdefghijklmnopqrst")
    answer = to.ask("mock-echo", [to.client.user(said)], max_tokens=16)
    assert answer.text == "user: a b c d e f g h i j k l m n o"
    assert answer.finish == "length" and answer.output == 16
