"""Hosted agents, as clients drive them: by OpenAI's SDK."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openai

from harness import wait_for

NOWHERE = {"type": "none"}
"""The environment of agents that have none but this host's sandboxes."""

BEGINNING = "evt_0_0"
"""The id of a session's first event: who heard that far hears the rest."""

DURABLE = re.compile(r"evt_\d+_\d+")
"""The ids of events that are in the log; those of what was told live are longer."""

GROWS = ("turn.item.added", "content_part.added", "output_text.delta")
"""The ends of the kinds of events that tell what grows. Who heard that live isn't told it again by the log."""

CALC = "calc_calculate_*"
"""The calculator, as vendors that take no `/` know it."""


def ours(*tools: str, approve: tuple[str, ...] = ()) -> dict:
    """Tools of the host, as a client names them for an agent."""
    return {"type": "evenhand", "tools": list(tools), "approve": list(approve)}


def calculate(expression: str) -> dict:
    """A step of a script that calls the calculator."""
    return {"call": CALC, "with": {"expression": expression}}


def say(text: str) -> dict:
    """A step of a script."""
    return {"say": text}


class Sessions:
    """The sessions of one client."""

    def __init__(self, sdk: openai.OpenAI):
        self.sdk = sdk
        self.api = sdk.beta.agents.sessions

    def begin(self, agent: dict | str, input: str | None = None, **more: Any) -> Any:
        """A session of an agent, by its id or made for the session."""
        of = {"agent_id": agent} if isinstance(agent, str) else {"agent": agent}
        given = of | ({"input": input} if input else {}) | more
        return self.api.create(environment=NOWHERE, **given)

    def send(self, id: str, *events: dict, **more: Any) -> None:
        """What a client says to a session."""
        named = [event | {"type": f"agent.session.input.{event['type']}"} for event in events]
        self.api.events.create(id, events=named, **more)

    def say(self, id: str, text: str, **more: Any) -> None:
        """A message."""
        self.send(id, {"type": "message", "input": [{"role": "user", "content": text}]}, **more)

    def decide(self, id: str, request: str, decision: str) -> None:
        """An answer to an approval."""
        response = {"type": "mcp_tool_call", "decision": decision}
        self.send(id, {"type": "mcp_approval_request_result", "request_id": request, "response": response})

    def cancel(self, id: str) -> None:
        self.send(id, {"type": "cancel"})

    def settled(self, id: str) -> Any:
        """The session, when nothing runs in it."""
        return wait_for(f"{id} to rest", lambda: (now := self.api.retrieve(id)).status != "in_progress" and now)

    def required(self, id: str) -> Any:
        """The only thing that a session waits for."""
        session = self.settled(id)
        assert session.status == "requires_action", session
        (action,) = session.required_actions
        return action

    def items(self, id: str) -> list[dict]:
        """All items, oldest first."""
        return [item.to_dict() for item in self.api.items.list(id, order="asc", limit=100)]

    def calls(self, id: str) -> list[dict]:
        """Those that are calls of the host's tools."""
        return [item for item in self.items(id) if item["type"] == "mcp_call"]

    def turns(self, id: str) -> list[dict]:
        return [turn.to_dict() for turn in self.api.turns.list(id, order="asc")]

    def answer(self, id: str) -> str:
        """What the agent said last."""
        said = [item for item in self.items(id) if item["type"] == "message" and item["role"] == "assistant"]
        return "".join(part["text"] for part in said[-1]["content"])

    def listen(self, id: str, after: str | None = BEGINNING) -> Iterator[dict]:
        """Its events, without an end."""
        headers = {"Last-Event-ID": after} if after else {}
        with self.api.events.stream(id, extra_headers=headers) as events:
            for event in events:
                yield event.to_dict()

    def told(self, id: str, last: str = "agent.session.idle", after: str = BEGINNING) -> list[dict]:
        """Its events up to the first of this kind."""
        told = []
        for event in self.listen(id, after):
            told.append(event)
            if event["type"] == last:
                return told
        raise AssertionError(f"the stream ended without {last}: {[event['type'] for event in told]}")


def kinds(events: list[dict]) -> list[str]:
    """What kinds of events there are, without the prefix that all have."""
    return [event["type"].removeprefix("agent.session.") for event in events]


def log(store: Path, session: str) -> list[dict]:
    """A session's log, as it is in the store; each with its `number` and when it happened, `at`."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        rows = db.execute("select number, at, value from session_events where session = ? order by number", [session])
        return [json.loads(value) | {"number": number, "at": at} for number, at, value in rows]
