"""What the tests of hosted agents share: a host with tools, an agent of the operator's, and four keys."""

import http.server
import threading
from pathlib import Path

from harness import Evenhand, Plugin, config, provider, wasm
from hosted import Sessions
from vendors import Vendor

KEYS = {f"TEAM_{of}": f"sk-team-{of.lower()}-0123456789" for of in "ABCD"}
SET = "notes_set_*"
PAY = {"call": SET, "with": {"key": "paid", "value": "100"}}
CLAIMS = {
    "name": "claims",
    "model": "openai/mock-script",
    "instructions": "You settle claims.",
    "tools": ["calc/*", "notes/*"],
    "approve": ["notes/set"],
}
LOOKUP = {
    "type": "function",
    "name": "lookup",
    "description": "Looks up a policy.",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}


class Slow(http.server.BaseHTTPRequestHandler):
    """A page that nobody ever gets."""

    asked = threading.Event()

    def do_GET(self) -> None:
        self.asked.set()
        # Until the client goes away.
        self.rfile.read(1)

    def log_message(self, *_: object) -> None:
        pass


def text(vendor: Vendor, folder: Path, slow: str, **more) -> str:
    plugins = [
        provider("openai", vendor),
        Plugin("calc", wasm("calc")),
        Plugin("notes", wasm("kv"), {"namespace": "notes"}, {"kv": {"notes": "key"}}),
        Plugin("fetch", wasm("fetch"), grant={"egress": [f"GET {slow}/*"]}),
    ]
    all = {"models": ["*"], "tools": ["*"], "agents": ["*"]}
    poor = {"models": ["openai/mock-echo"], "tools": ["calc/*"]}
    rules = {"TEAM_A": all, "TEAM_B": all, "TEAM_C": poor, "TEAM_D": {"agents": ["claims"]}}
    keys = [{"name": name.lower(), "secret": {"env": name}} | rules[name] for name in KEYS]
    return config(
        *plugins,
        keys=keys,
        store={"url": f"sqlite://{folder / 'evenhand.db'}"},
        agents=[CLAIMS],
        prices=[{"model": "openai/*", "input": 1000.0, "output": 1000.0}],
        **more,
    )


def client(running: Evenhand, key: str = "TEAM_A") -> Sessions:
    return Sessions(running.client("openai", KEYS[key]).sdk)


def store(running: Evenhand) -> Path:
    return running.file.parent / "evenhand.db"


def agent(*tools: dict, model: str = "mock-script", **more) -> dict:
    return {"model": f"openai/{model}", "tools": list(tools)} | more


def limited(**limits) -> dict:
    return {"extra_body": {"evenhand": {"limits": limits}}}


def asked(vendor: Vendor, word: str) -> list[dict]:
    """What the vendor was asked about something."""
    posts = [request for request in vendor.requests if request.method == "POST"]
    return [request.json for request in posts if word in request.body.decode()]
