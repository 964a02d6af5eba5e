"""What host/dialects writes for clients of OpenAI's agents API, read by the official SDK as strictly as its types allow, and
driven by its helpers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import httpx
import openai
import pytest
from openai.lib.beta.agents import AgentTurnResultError
from openai.lib.streaming.agents._tools import is_pending_call_race
from openai.pagination import SyncCursorPage
from openai.types.beta import Agent, AgentDeleted, AgentSession, AgentSessionDeleted, AgentSessionEvent, AgentSessionItem
from openai.types.beta.agent_session import RequiredAction
from openai.types.beta.agents.sessions import Turn
from pydantic import BaseModel, TypeAdapter

import shapes

GOLDEN = shapes.GOLDEN / "agents"
STREAMS = sorted(GOLDEN.glob("*.sse"))
STATES = [path.with_suffix(".json") for path in STREAMS]
# What we say beyond the SDK's types: see the top of host/dialects/src/openai/agents/mod.rs.
OURS = {"evenhand", "attempt_id", "require_approval", "reason", "approval"}
# The SDK has them in the transport of a saved agent's tool, not in that of a session's.
IN_OTHERS = {"headers"}
PROGRESS = "evenhand.tool.progress"


def known(model: BaseModel) -> None:
    shapes.known(model, OURS | IN_OTHERS)


def load(name: str) -> dict:
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_every_event_is_of_the_sdks_types(path: Path) -> None:
    kinds = shapes.models(AgentSessionEvent)
    read = shapes.events(path)
    for event in read:
        if event["type"] != PROGRESS:
            known(kinds[event["type"]].model_validate(event))
    ids = [event["event_id"] for event in read]
    assert len(set(ids)) == len(ids)


def test_the_streams_show_what_there_is() -> None:
    shown = {event["type"] for path in STREAMS for event in shapes.events(path)}
    # This host has no environments, no commands and no agents within agents.
    ours = {name for name in shapes.models(AgentSessionEvent) if not any(word in name for word in ("environment", "command", "subagent"))}
    assert shown == ours | {PROGRESS}


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_every_session_turn_and_item_is_of_the_sdks_types(path: Path) -> None:
    state = json.loads(path.read_text())
    session = AgentSession.model_validate(state["session"])
    known(session)
    kinds = shapes.models(RequiredAction)
    for action in state["session"]["required_actions"]:
        known(kinds[action["type"]].model_validate(action))
    for turn in state["turns"]["data"]:
        known(Turn.model_validate(turn))
    item = TypeAdapter(AgentSessionItem)
    for entry in state["items"]["data"]:
        read = item.validate_python(entry)
        assert read.type == entry["type"]
        known(read)


def test_agents_are_of_the_sdks_types() -> None:
    agent = Agent.model_validate(load("agent"))
    known(agent)
    assert {tool.type for tool in agent.tools} == {"mcp", "function"}
    AgentDeleted.model_validate(load("agent_deleted"))
    AgentSessionDeleted.model_validate(load("session_deleted"))


class Host:
    """Answers the SDK from what was written; remembers what it sends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: list[dict] = []
        transport = httpx.MockTransport(self.answer)
        self.sdk = openai.OpenAI(api_key="k", base_url="http://host/v1", max_retries=0, http_client=httpx.Client(transport=transport))
        self.sessions = self.sdk.beta.agents.sessions

    def answer(self, request: httpx.Request) -> httpx.Response:
        # In pieces: a stream that came whole is closed before the SDK runs a function.
        frames = (GOLDEN / f"{self.name}.sse").read_bytes().splitlines(keepends=True)
        stream = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=iter(frames))
        match request.method, request.url.path:
            case "POST", "/v1/agents/sessions":
                return stream
            case "GET", "/v1/agents/sessions/sess_1/events":
                return stream
            case "POST", "/v1/agents/sessions/sess_1/events":
                self.sent += json.loads(request.content)["events"]
                return httpx.Response(204)
            case "GET", "/v1/agents/sessions/sess_1":
                return httpx.Response(200, json=load("answer")["session"])
        raise AssertionError(request)

    def create(self, **handlers: Callable[[dict], object]):
        return self.sessions.create(agent_id="agent_1", environment={"type": "none"}, input="hi", stream=True, tool_handlers=handlers)


@pytest.mark.parametrize(
    ("name", "text"),
    [("answer", 'Hello, "you".\nFine?'), ("approval", "Paid."), ("resumed", "I don't know."), ("rich", "No."), ("live", "Three.")],
)
def test_the_sdk_collects_the_answer(name: str, text: str) -> None:
    host = Host(name)
    with host.sessions.stream("sess_1", input="hi") as stream:
        if name == "approval":
            # A person answers elsewhere; the helper gives up at the question.
            kinds = [event.type for event in stream]
            assert kinds[-1] == "agent.session.idle"
            assert kinds.count("agent.session.requires_action") == 1
            return
        result = stream.get_final_result()
    assert result.output_text == text
    assert result.turn.status == "completed"
    assert host.sent == [{"type": "agent.session.input.message", "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}]


def test_the_sdk_runs_functions() -> None:
    host = Host("functions")
    calls = []

    def lookup(arguments: dict) -> str:
        calls.append(arguments)
        if "id" not in arguments:
            raise ValueError("no id")
        return "seven"

    result = host.create(lookup=lookup).get_final_result()
    assert (result.output_text, calls) == ("Seven.", [{"id": 7}, {}])
    told = {"type": "agent.session.input.tool_result", "turn_id": "turn_1"}
    assert host.sent == [
        told | {"call_id": "c1", "success": True, "output": "seven"},
        told | {"call_id": "c2", "success": False, "error": "Tool handler failed."},
    ]


@pytest.mark.parametrize(("name", "reason"), [("waiting", "requires_action"), ("failed", "failed"), ("budget", "requires_action"), ("cancelled", "requires_action")])
def test_the_sdk_sees_why_there_is_no_answer(name: str, reason: str) -> None:
    with pytest.raises(AgentTurnResultError) as error:
        Host(name).create().get_final_result()
    assert error.value.reason == reason


@pytest.mark.parametrize(("name", "reason"), [("budget", "failed"), ("cancelled", "cancelled")])
def test_the_sdk_sees_how_a_turn_ended(name: str, reason: str) -> None:
    with pytest.raises(AgentTurnResultError) as error:
        Host(name).create(lookup=lambda _: "x").get_final_result()
    assert error.value.reason == reason


def test_progress_is_an_event_like_others() -> None:
    told = [event for event in Host("live").create() if event.type == PROGRESS]
    assert [(event.progress, event.total, event.message) for event in told] == [(1.0, 2.0, "half")]


def test_what_grows_is_what_it_grows_to() -> None:
    grown: dict[str, str] = {}
    done = {}
    for event in Host("live").create():
        if event.type == "agent.session.turn.output_text.delta":
            grown[event.item_id] = grown.get(event.item_id, "") + event.delta
        elif event.type == "agent.session.turn.item.done" and event.item.type == "message":
            done[event.item.id] = ("".join(part.text for part in event.item.content), event.item.status)
    assert grown == {item: text for item, (text, _) in done.items()}
    assert done["item_a1_0"][1] == "incomplete"


def failing(name: str, status: int) -> openai.OpenAI:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=load(name)))
    return openai.OpenAI(api_key="k", base_url="http://host/v1", max_retries=0, http_client=httpx.Client(transport=transport))


def test_the_sdk_sees_errors() -> None:
    cancel = [{"type": "agent.session.input.cancel"}]
    for name in ("session_over", "unknown_approval"):
        with pytest.raises(openai.ConflictError):
            failing(name, 409).beta.agents.sessions.events.create("sess_1", events=cancel)
    with pytest.raises(openai.NotFoundError):
        failing("no_session", 404).beta.agents.sessions.retrieve("sess_2")
    with pytest.raises(openai.BadRequestError) as unknown:
        failing("unknown_call", 400).beta.agents.sessions.events.create("sess_1", events=cancel)
    assert is_pending_call_race(unknown.value, "c1")


def test_the_sdk_pages() -> None:
    page = failing("agents", 200).beta.agents.list()
    assert isinstance(page, SyncCursorPage)
    assert page.next_page_info().params == {"after": "agent_1"}


def test_the_words_for_failures_are_the_sdks() -> None:
    codes = get_args(Turn.model_fields["error"].annotation)[0].model_fields["code"].annotation
    shown = {turn["error"]["code"] for path in STATES for turn in json.loads(path.read_text())["turns"]["data"] if turn["error"]}
    assert shown and shown <= set(get_args(codes))
