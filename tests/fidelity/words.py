"""What cases are written in: requests and answers in no vendor's words."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Text:
    text: str
    cache: str | None = None
    """A cached prefix ends here; the value is its lifetime (`5m`, `1h`)."""


@dataclass(frozen=True)
class Image:
    data: bytes
    kind: str = "image/png"


@dataclass(frozen=True)
class Thought:
    text: str
    signature: str | None = None
    """What the vendor wants to see again."""
    hidden: bool = False
    """Redacted: only what the vendor wants to see again is there."""


@dataclass(frozen=True)
class Refusal:
    text: str


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    arguments: str
    """As the model wrote them."""
    signature: str | None = None
    """Gemini signs calls."""


@dataclass(frozen=True)
class Result:
    id: str
    parts: tuple = ()
    error: bool = False
    cache: str | None = None


@dataclass(frozen=True)
class Turn:
    """A turn; `role` is system, user, assistant or tool."""

    role: str
    parts: tuple


@dataclass(frozen=True)
class Echo:
    """A turn of the assistant as its client sends it back: in the dialect's own words."""

    items: list[dict]


@dataclass(frozen=True)
class Tool:
    name: str
    schema: dict | None = None
    description: str | None = None
    cache: str | None = None
    strict: bool | None = None


@dataclass(frozen=True)
class Schema:
    """A schema that the answer must fit."""

    schema: dict
    name: str = "shape"
    strict: bool = True


@dataclass(frozen=True)
class Ask:
    """A request."""

    turns: list[Turn | Echo]
    tools: tuple[Tool, ...] = ()
    choice: str | tuple[str, str] | None = None
    """auto, none, required, or `("tool", name)`."""
    parallel: bool | None = None
    schema: Schema | None = None
    max_tokens: int | None = 500
    own: dict[str, dict] = field(default_factory=dict)
    """Fields in the words of a dialect, by its name."""
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""


def system(text: str, cache: str | None = None) -> Turn:
    return Turn("system", (Text(text, cache),))


def user(*parts: str | Text | Image) -> Turn:
    return Turn("user", texts(parts))


def assistant(*parts: Any) -> Turn:
    return Turn("assistant", texts(parts))


def results(*given: Result) -> Turn:
    return Turn("tool", given)


def texts(parts: tuple) -> tuple:
    """Strings among them become texts."""
    return tuple(Text(part) if isinstance(part, str) else part for part in parts)


@dataclass(frozen=True)
class Usage:
    """Tokens. `input` has cached ones included."""

    input: int = 12
    output: int = 7
    read: int = 0
    """From a cache."""
    written: int = 0
    """To a cache of 5 minutes."""
    written_1h: int = 0
    """To one of an hour."""
    thought: int = 0


@dataclass(frozen=True)
class Answer:
    """What a vendor answers."""

    parts: tuple = (Text("Hello."),)
    finish: str | None = None
    """stop, length, tool_calls, filter, refusal or stop_sequence; absent: as the parts say."""
    usage: Usage = Usage()
    stopped_by: str | None = None
    pieces: int = 2
    """Deltas that a text or the arguments of a call come in."""

    @property
    def ended(self) -> str:
        if self.finish:
            return self.finish
        if any(isinstance(part, Call) for part in self.parts):
            return "tool_calls"
        return "refusal" if any(isinstance(part, Refusal) for part in self.parts) else "stop"

    def cut(self, text: str) -> list[str]:
        """A text in its pieces, none of them empty."""
        size = max(1, -(-len(text) // self.pieces))
        return [text[at : at + size] for at in range(0, len(text), size)]


def answer(*parts: Any, **more: Any) -> Answer:
    return Answer(texts(parts), **more)


@dataclass
class Got:
    """What a client read."""

    status: int
    headers: dict
    raw: bytes
    body: Any = None
    """The answer in one piece, or the last object of a stream."""
    events: list[tuple[str | None, Any]] = field(default_factory=list)
    parts: list = field(default_factory=list)
    finish: str | None = None
    usage: Usage | None = None
    echo: list[dict] = field(default_factory=list)
    """The answer as the client sends it back."""

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> list[Call]:
        return [part for part in self.parts if isinstance(part, Call)]

    @property
    def thoughts(self) -> list[Thought]:
        return [part for part in self.parts if isinstance(part, Thought)]

    @property
    def warnings(self) -> str:
        """Warnings, wherever the answer has them."""
        said = [self.headers.get("evenhand-warning", "")]
        said += [line for line in self.raw.decode(errors="replace").splitlines() if line.startswith(": ")]
        return "\n".join(said)


@dataclass
class Seen:
    """What a vendor was asked."""

    body: Any
    headers: dict
    system: list[Text] = field(default_factory=list)
    """Instructions before the first turn."""
    turns: list[Turn] = field(default_factory=list)
    """As the vendor has them: where it has no role for results, they are in a user's turn."""
    tools: list[Tool] = field(default_factory=list)
    choice: Any = None
    schema: dict | None = None
    max_tokens: int | None = None

    @property
    def roles(self) -> list[str]:
        return [turn.role for turn in self.turns]

    def all(self, kind: type) -> list:
        """All parts of a kind, in order."""
        return [part for turn in self.turns for part in turn.parts if isinstance(part, kind)]
