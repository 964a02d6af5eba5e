"""Cases 12 to 18: reasoning and caching."""

import base64
import dataclasses
import uuid

import pytest

from fidelity.stage import Pair
from fidelity.test_messages_and_tools import OSLO, ROME, WEATHER
from fidelity.words import Ask, Call, Echo, Result, Text, Thought, answer, assistant, results, system, user

fidelity = pytest.mark.fidelity

# As vendors' are: base64, but for one character that isn't.
SIGNATURE = base64.b64encode(b"EqQBCkgIBxABGAIiQL8signed thoughts\xff\x00").decode()
OTHER = base64.b64encode(b"another signature\xfe").decode()
DATA = base64.b64encode(b"redacted \xfd thoughts").decode()
UNSIGNED = "Servers of OpenAI's chat format sign no thoughts."


@fidelity(
    12,
    "Thoughts that are a signature alone, and redacted ones, come back to their vendor byte for byte",
    na={"openai": UNSIGNED},
)
def test_12_signatures(to: Pair) -> None:
    redacted = (Thought("", DATA, hidden=True),) if to.provider in ("anthropic", "bedrock") else ()
    thoughts = (Thought("", SIGNATURE), *redacted)
    # Clients of chats have no field for a signature: the host keeps those behind a call, without which they matter little.
    asked = (fresh(ROME),) if to.dialect == "chat" else ()
    told = results(*(Result(call.id, (Text("7 °C"),)) for call in asked)) if asked else user("And?")
    _, got = to.ask(Ask([user("Hi")], (WEATHER,), own=thinks()), answer(*thoughts, "Hello.", *asked))
    assert got.text == "Hello."
    seen, _ = to.ask(Ask([user("Hi"), Echo(got.echo), told], (WEATHER,), own=thinks()))
    assert [type(part) for part in seen.turns[1].parts] == [Thought] * len(thoughts) + [Text] + [Call] * len(asked)
    assert [one.signature for one in seen.all(Thought)] == [SIGNATURE] + [DATA] * len(redacted)
    assert "".join(one.text for one in seen.all(Thought)) == ""
    if to.dialect == "responses" and not to.native:
        # Codex sends no ids and no full thoughts back.
        less = [
            {name: value for name, value in item.items() if name not in ("id", "content")}
            if item["type"] == "reasoning"
            else item
            for item in got.echo
        ]
        seen, _ = to.ask(Ask([user("Hi"), Echo(less), user("And?")], own=thinks()))
        assert [one.signature for one in seen.all(Thought)] == [SIGNATURE] + [DATA] * len(redacted)


def thinks() -> dict[str, dict]:
    """A client that asks for thoughts."""
    return {
        "chat": {"reasoning_effort": "medium"},
        "responses": {"reasoning": {"effort": "medium", "summary": "auto"}},
        "messages": {"thinking": {"type": "adaptive"}},
    }


@fidelity(
    13,
    "The order of thoughts and calls is kept, there and back",
    na={"openai": UNSIGNED},
)
def test_13_order(to: Pair) -> None:
    first, second = fresh(ROME), fresh(OSLO)
    said: tuple = (Thought("First Rome.", SIGNATURE), first, Thought("Then Oslo.", OTHER), second)
    if to.provider == "gemini":
        # Gemini signs calls.
        signed = dataclasses.replace(first, signature=SIGNATURE)
        said = (Thought("First Rome."), signed, Thought("Then Oslo."), second)
    _, got = to.ask(Ask([user("Rome, Oslo?")], (WEATHER,), own=thinks()), answer(*said))
    if to.dialect == "chat":
        # Its clients see all thoughts as one text.
        assert [one.text for one in got.thoughts] == ["First Rome.Then Oslo."]
    else:
        assert [type(part) for part in got.parts] == [Thought, Call, Thought, Call]
        assert [one.text for one in got.thoughts] == ["First Rome.", "Then Oslo."]
    told = results(Result(first.id, (Text("7 °C"),)), Result(second.id, (Text("-3 °C"),)))
    seen, _ = to.ask(Ask([user("Rome, Oslo?"), Echo(got.echo), told], (WEATHER,), own=thinks()))
    back = [part for part in seen.all(object) if isinstance(part, Thought | Call)]
    assert [part.name for part in back if isinstance(part, Call)] == ["weather", "weather"]
    if to.provider == "gemini":
        # It takes its thoughts' texts from nobody: the signature says them.
        assert [part.signature for part in back if isinstance(part, Call)] == [SIGNATURE, None]
    else:
        assert [type(part) for part in back] == [Thought, Call, Thought, Call]
        assert [part.signature for part in back if isinstance(part, Thought)] == [SIGNATURE, OTHER]


@fidelity(
    14,
    "A budget of thoughts is below the answer's limit, with a warning; how they are shown is the client's choice",
    na={"chat": "Clients of OpenAI Chat give no budget and no way to show thoughts."},
)
def test_14_budget(to: Pair) -> None:
    if to.dialect == "responses":
        own = {"responses": {"reasoning": {"effort": "high", "summary": "detailed"}}}
        seen, got = to.ask(Ask([user("Hi")], max_tokens=3000, own=own))
        wanted = "summarized"
    elif to.native:
        # The vendor's own client keeps to its rules.
        own = {"messages": {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}}}
        to.ask(Ask([user("Hi")], max_tokens=3000, own=own))
        return
    else:
        own = {"messages": {"thinking": {"type": "enabled", "budget_tokens": 9000, "display": "omitted"}}}
        seen, got = to.ask(Ask([user("Hi")], max_tokens=3000, own=own))
        wanted = "omitted"
    match to.provider:
        case "anthropic" | "bedrock":
            extra = seen.body if to.provider == "anthropic" else seen.body["additionalModelRequestFields"]
            thinking = extra["thinking"]
            assert thinking["display"] == wanted
            if wanted == "omitted":
                assert 1024 <= thinking["budget_tokens"] < seen.max_tokens == 3000
                assert "reasoning.budget_tokens" in got.warnings
        case "gemini":
            config = seen.body["generationConfig"]["thinkingConfig"]
            assert config.get("includeThoughts", False) == (wanted == "summarized")
            if wanted == "omitted":
                assert config["thinkingBudget"] < seen.max_tokens and "reasoning.budget_tokens" in got.warnings
        case "openai":
            assert "reasoning" in got.warnings
        case "openai-responses":
            if wanted == "omitted":
                assert "reasoning.budget_tokens" in got.warnings and "summary" not in seen.body.get("reasoning", {})
            else:
                assert seen.body["reasoning"]["summary"] == "detailed"


def fresh(call: Call) -> Call:
    """The same with an id of its own, as vendors' are: the host keeps what belongs to a call by its id."""
    return dataclasses.replace(call, id=f"call_{uuid.uuid4().hex[:24]}")


NOT_GEMINI = dict.fromkeys(("openai", "openai-responses", "anthropic", "bedrock"), "Only Gemini signs calls.")


@fidelity(15, "Gemini's `thoughtSignature` comes back with its call", na=NOT_GEMINI)
def test_15_signed_calls(to: Pair) -> None:
    signed = dataclasses.replace(fresh(ROME), signature=SIGNATURE)
    turns = [user("Rome, Oslo?")]
    _, got = to.ask(Ask(turns, (WEATHER,)), answer("Looking.", signed, OSLO))
    told = results(*(Result(call.id, (Text("7 °C"),)) for call in got.calls))
    seen, _ = to.ask(Ask([*turns, Echo(got.echo), told], (WEATHER,)))
    assert [call.signature for call in seen.all(Call)] == [SIGNATURE, None]


@fidelity(
    16,
    "What a vendor encrypted goes back only to the plugin and for the key that it was issued to",
    na={"openai": UNSIGNED},
)
def test_16_issuer(to: Pair) -> None:
    call, thought = fresh(ROME), Thought("Hm.", SIGNATURE)
    said = (
        (Thought("Hm."), dataclasses.replace(call, signature=SIGNATURE)) if to.provider == "gemini" else (thought, call)
    )
    _, got = to.ask(Ask([user("Rome?")], (WEATHER,), own=thinks()), answer(*said))
    turns = [user("Rome?"), Echo(got.echo), results(Result(call.id, (Text("7 °C"),)))]
    seen, _ = to.ask(Ask(turns, (WEATHER,), own=thinks()))
    assert SIGNATURE in str(seen.body)
    # A client of Anthropic's has its vendor's signatures as they are, and Bedrock's Claude takes them.
    own = {"anthropic", "bedrock"} if (to.dialect, to.provider) == ("messages", "anthropic") else {to.provider}
    for other in {"openai-responses", "anthropic", "bedrock", "gemini"} - own:
        # Natively it would go to the vendor as it is.
        elsewhere = dataclasses.replace(to, provider=other, translated=to.client.NATIVE == other)
        seen, _ = elsewhere.ask(Ask(turns, (WEATHER,)))
        assert SIGNATURE not in str(seen.body) and "evenhand.ey" not in str(seen.body)
    if to.native or len(own) == 2:
        # Whose key it was for, the vendor itself knows; the host has not touched it.
        return
    seen, _ = dataclasses.replace(to, key="sk-other").ask(Ask(turns, (WEATHER,)))
    assert SIGNATURE not in str(seen.body) and "evenhand." not in str(seen.body)


CACHES = "The vendor caches by itself: it takes no marks."


@fidelity(
    17,
    "`cache_control` survives on instructions, tools, messages and results; on Bedrock it is a `cachePoint`",
    na={"openai": CACHES, "openai-responses": CACHES, "gemini": CACHES},
)
def test_17_caching(to: Pair) -> None:
    turns = [
        system("Be brief.", "1h"),
        user(Text("One?", "5m")),
        assistant(ROME),
        results(Result(ROME.id, (Text("7 °C", None if to.dialect == "messages" else "5m"),), cache="5m")),
    ]
    seen, got = to.ask(Ask(turns, (dataclasses.replace(WEATHER, cache="1h"),)))
    assert [part.cache for part in seen.system] == ["1h"]
    assert seen.turns[0].parts[0].cache == "5m"
    (result,) = seen.all(Result)
    assert result.cache == "5m"
    # OpenAI's tools have no marks.
    assert [tool.cache for tool in seen.tools] == ["1h" if to.dialect == "messages" else None]
    assert "cache" not in got.warnings


@fidelity(
    18, "`reasoning_content` is a string", na=dict.fromkeys(("responses", "messages"), "It is a field of OpenAI Chat.")
)
def test_18_reasoning_content(to: Pair) -> None:
    _, got = to.ask(Ask([user("Hi")], own=thinks()), answer(Thought("Let me think.", SIGNATURE), "Hello."))
    assert [one.text for one in got.thoughts] == ["Let me think."] and got.text == "Hello."
