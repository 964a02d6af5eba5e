"""What the mock models answer, computed from the request alone.

A model's name chooses its behaviour; any other name starting with `mock-` is unknown to the vendor:

    mock-echo            a transcript of the whole conversation, line by line (see `Ask.transcript`)
    mock-tools           calls the first tool (or the one chosen), its arguments filled in from the user's words
    mock-parallel-tools  a line of text, then a call of every tool, unless parallel calls were refused
    mock-cached-usage    as mock-echo; system words count as read from the cache, earlier turns as written to it
    mock-thinking        thinks first, where the vendor can and was asked to; with tools, then calls the first
    mock-redacted        as mock-thinking, but its thoughts come encrypted
    mock-reasoning       as mock-thinking; where OpenAI's API would hide its thoughts, shows them as many servers do that
                         speak it, in `reasoning_content`
    mock-dribble         as mock-echo; its stream comes in pieces of three bytes, with comments in between
    mock-gate            as mock-echo; its stream waits for `Vendor.open_gate` after the first piece of text
    mock-slow            as mock-echo; nothing is answered before `Vendor.open_gate`
    mock-cut             the connection breaks after the first piece of text, or in the middle of the body
    mock-truncated       the stream ends cleanly after the first piece of text, without the vendor's last event
    mock-error-mid       the vendor's own error event after the first piece of text
    mock-429, mock-500, mock-overloaded   the vendor's error of that kind; the first with retry-after
    mock-script          what a user's words say, turn by turn (see `_script`)
    mock-embed           embeddings: each word adds a direction of its own
    mock-spare-N         as mock-echo: enough of them that a list takes more than one page

Every model writes JSON where the request has a schema for the answer, stops at stop sequences and at its token limit.
A token is a word.
"""

import fnmatch
import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

MODELS = [
    "mock-echo",
    "mock-tools",
    "mock-parallel-tools",
    "mock-cached-usage",
    "mock-thinking",
    "mock-redacted",
    "mock-reasoning",
    "mock-dribble",
    "mock-gate",
    "mock-slow",
    "mock-cut",
    "mock-truncated",
    "mock-error-mid",
    "mock-429",
    "mock-500",
    "mock-overloaded",
    "mock-script",
    "mock-embed",
] + [f"mock-spare-{n}" for n in range(12)]
THINKERS = ("mock-thinking", "mock-redacted", "mock-reasoning")
DIMENSIONS = 64


@dataclass
class Tool:
    """A function that the model may call."""

    name: str
    schema: dict
    namespace: str | None = None
    custom: bool = False
    """Its input is text, not JSON."""


@dataclass
class Ask:
    """A request, in words that both vendors share."""

    model: str
    lines: list[tuple[str, str]]
    """Who said what: role (system, user, assistant, tool) and one line for each part."""
    tools: list[Tool] = field(default_factory=list)
    choice: str = "auto"
    """auto, none, required, or the name of a tool."""
    parallel: bool = True
    schema: dict | None = None
    stop: list[str] = field(default_factory=list)
    max_tokens: int | None = None
    thinks: bool = False

    def transcript(self) -> str:
        """The conversation as text: `role: line`, one for each part."""
        return "\n".join(f"{role}: {line}" for role, line in self.lines)

    def user_words(self) -> list[str]:
        """The words of the last thing that the user said."""
        return next((line for role, line in reversed(self.lines) if role == "user"), "").split()


@dataclass
class Text:
    text: str


@dataclass
class Thinking:
    text: str


@dataclass
class Call:
    name: str
    arguments: str
    tool: Tool | None = None
    """The tool itself, where its name alone doesn't tell how it is called."""


@dataclass
class Usage:
    """Tokens. `fresh`, `cache_read` and `cache_write` add up to the whole input."""

    fresh: int
    cache_read: int
    cache_write: int
    output: int
    thinking: int

    @property
    def input(self) -> int:
        return self.fresh + self.cache_read + self.cache_write


@dataclass
class Reply:
    """An answer, in words that both vendors share."""

    parts: list[Text | Thinking | Call]
    finish: str
    """stop, length, stop_sequence or tool_calls."""
    stopped_by: str | None
    usage: Usage


def words(text: str) -> int:
    """Tokens of a text."""
    return len(text.split())


def tokens(text: str) -> list[str]:
    """A text cut into tokens that join up to it."""
    return re.findall(r"\s*\S+(?:\s+$)?", text) or ([text] if text else [])


def image_line(media_type: str | None, data: bytes) -> str:
    """How an image shows in a transcript."""
    return f"[{media_type} {len(data)} bytes sha256 {hashlib.sha256(data).hexdigest()[:16]}]"


def call_line(name: str, arguments: Any) -> str:
    """How a tool call shows in a transcript."""
    return f"call {name}({json.dumps(arguments, sort_keys=True)})"


def result_line(name: str, text: str) -> str:
    """How a tool's result shows in a transcript."""
    return f"{name} = {text}"


def answer(ask: Ask) -> Reply:
    """What the model says."""
    parts: list[Text | Thinking | Call] = []
    if ask.thinks and ask.model in THINKERS:
        parts.append(Thinking("They said: " + " ".join(ask.user_words())))
    finish, stopped_by = "stop", None
    if ask.model == "mock-script":
        parts = _script(ask)
        finish = "tool_calls" if any(isinstance(part, Call) for part in parts) else "stop"
    elif calls := _calls(ask):
        if len(calls) > 1:
            parts.append(Text(f"Calling {len(calls)} tools."))
        parts += calls
        finish = "tool_calls"
    else:
        text = ask.transcript() if ask.schema is None else json.dumps(fill(ask.schema, ask.user_words(), ask.schema))
        text, finish, stopped_by = _limit(ask, text)
        parts.append(Text(text))
    return Reply(parts, finish, stopped_by, _usage(ask, parts))


def _calls(ask: Ask) -> list[Call]:
    eager = ask.model in ("mock-tools", "mock-parallel-tools", *THINKERS) or ask.choice not in ("auto", "none")
    answered = bool(ask.lines) and ask.lines[-1][0] == "tool"
    if not ask.tools or not eager or answered or ask.choice == "none":
        return []
    chosen = [tool for tool in ask.tools if tool.name == ask.choice] or ask.tools
    if ask.model != "mock-parallel-tools" or not ask.parallel:
        chosen = chosen[:1]
    return [Call(tool.name, json.dumps(fill(tool.schema, ask.user_words(), tool.schema))) for tool in chosen]


SCRIPT = re.compile(r"<script>(.*)</script>", re.DOTALL)


def script(*turns: list[dict]) -> str:
    """What a user says for `mock-script` to act by, each turn a list of parts: `{"think": TEXT}`, `{"say": TEXT}`, where `{result}`
    is the newest result of a tool, `{"call": NAME, "with": ARGUMENTS}`, where the name may be a pattern (`*__add`), or with
    `"invented": true` one that nobody offered. Text with a model's answer in it is of no use to others than this model:
    `Ask.lines` tells where it stands."""
    return f"<script>{json.dumps(turns)}</script>"


def _script(ask: Ask) -> list[Text | Thinking | Call]:
    """The turn that it has come to: as many calls as were made since are behind it. Who asks without a script or without tools
    (agents ask for titles) gets a word."""
    asked = [(at, SCRIPT.search(line)) for at, (role, line) in enumerate(ask.lines) if role == "user"]
    at, found = next((one for one in reversed(asked) if one[1]), (0, None))
    if not found or not ask.tools:
        return [Text("Scripted.")]
    turns = json.loads(found[1])
    made = sum(role == "assistant" and line.startswith("call ") for role, line in ask.lines[at:])
    while made > 0 and turns:
        made -= sum("call" in step for step in turns.pop(0))
    result = next((line for role, line in reversed(ask.lines) if role == "tool"), "")
    return [part for step in (turns or [[{"say": "The script is over."}]])[0] for part in _step(step, ask, result)]


def _step(step: dict, ask: Ask, result: str) -> list[Text | Thinking | Call]:
    if "think" in step:
        return [Thinking(step["think"])] if ask.thinks else []
    if "say" in step:
        return [Text(step["say"].replace("{result}", result))]
    tool = next((tool for tool in ask.tools if fnmatch.fnmatchcase(tool.name, step["call"])), None)
    if step.get("invented"):
        return [Call(step["call"], json.dumps(step["with"]))]
    if tool is None:
        return [Text(f"No tool is like {step['call']}: {[tool.name for tool in ask.tools]}")]
    given = step["with"]
    return [Call(tool.name, given if isinstance(given, str) else json.dumps(given), tool)]


def _limit(ask: Ask, text: str) -> tuple[str, str, str | None]:
    hits = [(text.find(stop), stop) for stop in ask.stop if stop in text]
    at, stopped_by = min(hits) if hits else (len(text), None)
    text = text[:at]
    pieces = tokens(text)
    if ask.max_tokens is not None and len(pieces) > ask.max_tokens:
        return "".join(pieces[: ask.max_tokens]), "length", None
    return text, "stop_sequence" if stopped_by else "stop", stopped_by


def _usage(ask: Ask, parts: list) -> Usage:
    count = [(role, words(line)) for role, line in ask.lines]
    tools = sum(words(json.dumps(tool.schema)) + 1 for tool in ask.tools)
    total = sum(n for _, n in count) + tools
    read = write = 0
    if ask.model == "mock-cached-usage":
        read = sum(n for role, n in count if role == "system")
        write = sum(n for role, n in count[:-1] if role != "system")
    thinking = sum(words(part.text) for part in parts if isinstance(part, Thinking))
    said = sum(words(part.text) for part in parts if isinstance(part, Text))
    called = sum(1 + words(part.arguments) for part in parts if isinstance(part, Call))
    return Usage(total - read - write, read, write, thinking + said + called, thinking)


def fill(schema: dict, said: list[str], root: dict) -> Any:
    """A value that fits a JSON schema, made of the user's words."""
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fill(target, said, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][len(said) % len(schema["enum"])]
    if "anyOf" in schema:
        return fill(schema["anyOf"][0], said, root)
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    match kind:
        case "object":
            return {name: fill(part, said, root) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [fill(schema.get("items", {"type": "string"}), [word], root) for word in said[:3]]
        case "string":
            return " ".join(said)
        case "integer":
            return len(said)
        case "number":
            return len(said) + 0.5
        case "boolean":
            return len(said) % 2 == 1
        case _:
            return None


def embedding(said: list[str], dimensions: int) -> list[float]:
    """A unit vector: each word adds a direction that its hash gives."""
    vector = [0.0] * dimensions
    for word in said:
        seed = hashlib.shake_256(word.encode()).digest(DIMENSIONS)
        for at in range(dimensions):
            vector[at] += seed[at] - 127.5
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]
