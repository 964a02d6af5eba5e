"""Runs an example: makes its database, starts the real `evenhand serve` with its configuration, gives its agent a task through the
official SDK, tells what happens, and shows what the agent did to the database. `cargo xtask example NAME` calls it."""

import argparse
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

from openai import OpenAI

HERE = Path(__file__).resolve().parent


def main() -> None:
    names = sorted(path.parent.name for path in HERE.glob("*/example.toml"))
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("example", choices=names)
    arguments.add_argument("--yes", action="store_true", help="say yes to whatever the agent asks")
    arguments.add_argument("--message", help="another task for the agent")
    given = arguments.parse_args()
    folder = HERE / given.example
    example = tomllib.loads((folder / "example.toml").read_text())
    database = fresh_database(folder, example)
    key = "sk-example-" + secrets.token_hex(16)
    with Evenhand(folder / "evenhand.toml", key) as url:
        ended_well = drive(url, key, example["agent"], given.message or example["message"], given.yes)
    show_ledger(database, example["ledger"]["query"])
    sys.exit(0 if ended_well else 1)


def fresh_database(folder: Path, example: dict) -> Path:
    """The database of `seed.sql`, and none of an earlier run."""
    state = HERE.parent / "target/examples" / folder.name
    state.mkdir(parents=True, exist_ok=True)
    for old in state.glob("*.db*"):
        old.unlink()
    database = state / example["ledger"]["database"]
    connection = sqlite3.connect(database)
    connection.executescript((folder / "seed.sql").read_text())
    connection.close()
    return database


class Evenhand:
    """`evenhand serve`, on whatever port is free; its log is beside the databases."""

    def __init__(self, config: Path, key: str) -> None:
        self.config, self.key = config, key

    def __enter__(self) -> str:
        root = HERE.parent
        binary = os.environ.get("EVENHAND_BIN", root / "target/release/evenhand")
        self.log = root / "target/examples" / self.config.parent.name / "evenhand.log"
        with self.log.open("wb") as log:
            command = [binary, "serve", "--config", self.config]
            environment = os.environ | {"EXAMPLE_KEY": self.key}
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        for line in self.process.stdout:
            if line.startswith("listening on "):
                url = line.split()[-1]
                say("evenhand", f"serves on {url}; its log is {self.log}")
                return url
        raise SystemExit(f"evenhand did not start:\n{self.log.read_text()}")

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def drive(url: str, key: str, agent: str, task: str, yes: bool) -> bool:
    """Begins a session, answers what it asks, and tells what happens until its turn is over; whether it ended well."""
    sessions = OpenAI(base_url=f"{url}/v1", api_key=key).beta.agents.sessions
    say("person", task)
    session = ""
    for event in sessions.create(agent_id=agent, environment={"type": "none"}, input=task, stream=True):
        match event.type:
            case "agent.session.created":
                session = event.session.id
                say("evenhand", f"session {session}; model {event.session.agent.model}")
                if event.session.agent.model.startswith("scripted/"):
                    say("evenhand", "this model is a script: it plays the steps in evenhand.toml and understands nothing")
            case "agent.session.turn.item.added" if event.item.type == "mcp_call":
                call = event.item
                say("call", f"{call.server_label}/{call.name} {compact(call.arguments)}")
            case "agent.session.turn.item.done":
                tell_item(event.item)
            case "agent.session.requires_action":
                for action in event.session.required_actions:
                    answer = decide(f"{url}/v1/agents/sessions/{session}/events", key, action, yes)
                    if answer:
                        sessions.events.create(session, events=[answer])
            case "error":
                say("error", event.error.message)
            case "agent.session.turn.completed":
                return True
            case "agent.session.turn.failed" | "agent.session.turn.cancelled":
                return False
    return False


def tell_item(item: object) -> None:
    """What an agent said, or what came of a call."""
    if item.type == "message" and item.role == "assistant":
        say("agent", "".join(part.text for part in item.content))
    elif item.type == "mcp_call":
        result = item.error["message"] if item.error else item.output.get("structuredContent", item.output["content"])
        say("failed" if item.error else "result", f"{item.server_label}/{item.name} {compact(result)}")


def decide(events: str, key: str, action: object, yes: bool) -> dict | None:
    """A person's answer to what the agent asks; none where nobody is here to give it."""
    asked = action.request
    say("asks", asked.message)
    say("", f"{asked.server_label}/{asked.name} {compact(asked.arguments)}")
    answer = {
        "type": "agent.session.input.mcp_approval_request_result",
        "request_id": action.request_id,
        "response": {"type": "mcp_tool_call", "decision": "approve"},
    }
    if yes:
        say("person", "yes (--yes)")
        return answer
    if sys.stdin.isatty():
        said = input(f"{'person':>8}  yes or no? ").strip().lower()
        answer["response"]["decision"] = "approve" if said in ("y", "yes") else "deny"
        return answer
    body = json.dumps({"events": [answer]})
    say("", "nobody is at this terminal, so it waits; say yes by (no: `deny`)")
    print(f"curl {events} -H 'authorization: Bearer {key}' -H 'content-type: application/json' -d '{body}'", flush=True)
    return None


def show_ledger(database: Path, query: str) -> None:
    connection = sqlite3.connect(database)
    rows = connection.execute(query)
    print(f"\nWhat is in {database.name} now:")
    table = [[column[0] for column in rows.description], *([str(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  " + "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())
    if len(table) == 1:
        print("  (no rows)")
    connection.close()


def compact(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def say(who: str, what: str) -> None:
    print(f"{who:>8}  {what}", flush=True)


if __name__ == "__main__":
    main()
