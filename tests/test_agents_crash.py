"""The host is killed at random points of sessions with side effects, again and again, until all of them are over: no event is lost,
none is doubled or changed, nothing is paid twice, and what nobody knows is said."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from harness import START, Evenhand, Plugin, config, provider, secrets, wasm
from hosted import BEGINNING, DURABLE, GROWS, calculate, log, say
from vendors import OpenAIVendor, script

# 8 parts, so that several workers share them.
PARTS, KILLS = 8, 25
# Sessions that run at a time.
OPEN = 8
# What a host that is killed had, is another's when the lease is over: the shortest that there is.
LEASE = "1s"
# How long after it began to listen a host is killed, at most: before leases of the one before are over, or after. And how often
# before that.
LATEST, EARLY = (0.3, 1.3), 0.2
KEY = "sk-team-a-0123456789"
# It takes the database a while, so that the host is killed in its midst now and then.
COUNT = "with recursive c (n) as (select 1 union all select n + 1 from c where n < 60000)"
WRITE = f"{COUNT} insert into {{table}} select ?1, max(n) from c"
READ = f"{COUNT} select count(*) from payouts where id = ?1 and (select max(n) from c) > 0"


def write(plugin: str, table: str, id: str) -> dict:
    return {"call": f"{plugin}_execute_*", "with": {"statement": WRITE.format(table=table), "parameters": [id]}}


def task(id: str) -> str:
    """A session's task: read, compute, note, note once more beside a read, pay, keep, say."""
    read = {"call": "ledger_query_*", "with": {"statement": READ, "parameters": [id]}}
    keep = {"call": "notes_set_*", "with": {"key": id, "value": "paid"}}
    return script(
        [say("I look."), read, calculate("100*1.19")],
        [write("journal", "notes", f"{id}-a"), read],
        [write("ledger", "payouts", id), calculate("7*7")],
        [keep, read],
        [say(f"Paid {id}.")],
    )


@dataclass
class Heard:
    """A session, as a client knows it by what it was told."""

    payout: str
    events: dict[str, dict] = field(default_factory=dict)
    last: str = BEGINNING
    asked: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    over: bool = False
    wrong: list[str] = field(default_factory=list)

    def hear(self, id: str, event: dict) -> None:
        if id in self.events:
            self.wrong.append(f"{id} was told twice")
        self.events[id], self.last = event, id
        match event["type"].removeprefix("agent.session."):
            case "requires_action":
                self.asked += [
                    action["request_id"]
                    for action in event["session"]["required_actions"]
                    if action["request_id"] not in self.asked
                ]
            case "idle" | "failed" | "budget_reached":
                self.over = True


class Client:
    """Begins sessions, listens to them, and says yes; whatever fails is tried again at the next host."""

    def __init__(self, url: str, all: dict[str, Heard], new: Callable[[], str]):
        self.url, self.all, self.new = url, all, new
        self.http = httpx.AsyncClient(base_url=f"{url}/v1/agents", headers={"authorization": f"Bearer {KEY}"}, timeout=60)
        self.listening: set[str] = set()

    async def work(self, more: Callable[[], bool]) -> None:
        """Until there is nothing to do, or the host is gone."""
        async with self.http:
            listeners: set[asyncio.Task] = set()
            try:
                while True:
                    running = [id for id, heard in self.all.items() if not heard.over]
                    if len(running) < OPEN and more():
                        await self.begin()
                        continue
                    for id in running:
                        if id not in self.listening:
                            self.listening.add(id)
                            listeners.add(asyncio.create_task(self.listen(id, self.all[id])))
                    if not listeners:
                        return
                    done, listeners = await asyncio.wait(listeners, return_when=asyncio.FIRST_COMPLETED)
                    for one in done:
                        one.result()
            except httpx.TransportError:
                pass
            finally:
                for one in listeners:
                    # What the host said before its end is read.
                    await asyncio.wait([one], timeout=5)
                    one.cancel()

    async def begin(self) -> None:
        payout = self.new()
        body = {"agent_id": "payer", "environment": {"type": "none"}, "input": task(payout)}
        answer = await self.http.post("/sessions", json=body)
        assert answer.status_code == 200, answer.text
        self.all[answer.json()["id"]] = Heard(payout)

    async def listen(self, id: str, heard: Heard) -> None:
        try:
            await self.say_yes(id, heard)
            async with self.http.stream("GET", f"/sessions/{id}/events", headers={"last-event-id": heard.last}) as answer:
                assert answer.status_code == 200, await answer.aread()
                name = ""
                async for line in answer.aiter_lines():
                    if line.startswith("id: "):
                        name = line.removeprefix("id: ")
                    elif line.startswith("data: ") and name:
                        heard.hear(name, json.loads(line.removeprefix("data: ")))
                        name = ""
                        await self.say_yes(id, heard)
                        if heard.over:
                            return
        except httpx.TransportError:
            return

    async def say_yes(self, id: str, heard: Heard) -> None:
        for request in heard.asked:
            if request in heard.answered:
                continue
            response = {"type": "mcp_tool_call", "decision": "approve"}
            event = {"type": "agent.session.input.mcp_approval_request_result", "request_id": request, "response": response}
            answer = await self.http.post(f"/sessions/{id}/events", json={"events": [event]})
            assert answer.status_code == 204, answer.text
            heard.answered.add(request)


def text(folder: Path, vendor: OpenAIVendor) -> str:
    sql = {"books": {"url": f"sqlite://{folder / 'books.db'}", "write": True}}
    plugins = [
        provider("openai", vendor),
        Plugin("calc", wasm("calc")),
        Plugin("notes", wasm("kv"), {"namespace": "notes"}, {"kv": {"notes": "key"}}),
        Plugin("journal", wasm("sql"), grant={"sql": sql}),
        Plugin("ledger", wasm("sql"), grant={"sql": sql}),
    ]
    key = {"name": "team_a", "secret": {"env": "TEAM_A"}, "models": ["*"], "tools": ["*"], "agents": ["*"]}
    payer = {"name": "payer", "model": "openai/mock-script", "tools": ["*"], "approve": ["ledger/execute"]}
    return config(*plugins, keys=[key], store={"url": f"sqlite://{folder / 'evenhand.db'}", "lease": LEASE}, agents=[payer])


def killed_at_once(running: Evenhand, chance: random.Random, start: float) -> bool:
    """Now and then a host is killed while it starts: `start` is how long that takes."""
    if chance.random() >= EARLY:
        return False
    running.spawn()
    asyncio.run(asyncio.sleep(chance.uniform(0, start)))
    running.__exit__()
    return True


def delay(chance: random.Random) -> float:
    """How long a host lives."""
    return chance.uniform(0, chance.choice(LATEST))


async def live(running: Evenhand, client: Client, delay: float) -> None:
    """Works until the host is killed."""
    working = asyncio.create_task(client.work(lambda: True))
    await asyncio.sleep(delay)
    running.process.kill()
    await working


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_moment_nothing_is_lost_doubled_or_paid_twice(part, tmp_path):
    chance = random.Random(f"kill {part}")
    with closing(sqlite3.connect(tmp_path / "books.db")) as books:
        books.execute("pragma journal_mode = wal")
        books.execute("create table payouts (id text, of integer)")
        books.execute("create table notes (id text, of integer)")
    all: dict[str, Heard] = {}
    begun: list[str] = []

    def new() -> str:
        begun.append(f"payout-{part}-{len(begun)}")
        return begun[-1]

    with OpenAIVendor("sk-vendor-of-the-crash-test") as vendor:
        running = Evenhand(tmp_path, text(tmp_path, vendor), secrets({"openai": vendor}) | {"TEAM_A": KEY})
        with running:
            asyncio.run(live(running, Client(running.url, all, new), max(LATEST)))
        kills, start = 1, 0.1
        while kills < KILLS:
            kills += 1
            if killed_at_once(running, chance, start):
                continue
            with running:
                asyncio.run(live(running, Client(running.url, all, new), delay(chance)))
        # The last one lives until all is done, that of which the client never heard too.
        with running:
            client = Client(running.url, all, new)
            sdk = running.client("openai", KEY).sdk
            for session in sdk.beta.agents.sessions.list(limit=100):
                all.setdefault(session.id, Heard(""))
            asyncio.run(asyncio.wait_for(client.work(lambda: False), START))
            check(running, tmp_path, all)


def check(running: Evenhand, folder: Path, all: dict[str, Heard]) -> None:
    """What must hold at the end."""
    headers = {"authorization": f"Bearer {KEY}"}
    with closing(sqlite3.connect(folder / "books.db")) as books:
        paid = dict(books.execute("select id, count(*) from payouts group by id"))
        noted = dict(books.execute("select id, count(*) from notes group by id"))
    assert all and max([*paid.values(), *noted.values()]) == 1, (paid, noted)
    unknown = 0
    for id, heard in all.items():
        url = f"{running.url}/v1/agents/sessions/{id}"
        session = httpx.get(url, headers=headers).json()
        assert heard.over and session["status"] == "idle", (session, heard)
        assert heard.wrong == []
        entries = log(folder / "evenhand.db", id)
        assert [entry["number"] for entry in entries] == list(range(len(entries)))
        # What was told is what is there, in its place, and all of it; what grew may have been told live.
        whole = dict(events(url, headers))
        for event, told in heard.events.items():
            same = told == whole[event] or told["type"].endswith("delta")
            assert same, (event, told, whole[event])
        missing = [event for event in whole if event not in heard.events]
        assert [event for event in missing if not whole[event]["type"].endswith(GROWS)] == []
        items = httpx.get(f"{url}/items?order=asc&limit=100", headers=headers).json()["data"]
        assert [item["type"] for item in items].count("mcp_call") == 8
        turns = httpx.get(f"{url}/turns", headers=headers).json()["data"]
        assert [turn["status"] for turn in turns] == ["completed"]
        for item in items:
            if item["type"] == "mcp_call":
                unknown += check_call(item, paid, noted)
        # Each call began once, but for those that may be repeated.
        started = [entry["call"] for entry in entries if entry["event"] == "call_began" and not entry["idempotent"]]
        assert len(set(started)) == len(started)
        ended = [entry["call"] for entry in entries if entry["event"] == "call_ended"]
        assert len(set(ended)) == len(ended) == 8
    print(f"{len(all)} sessions, {unknown} calls of unknown outcome")


def check_call(item: dict, paid: dict[str, int], noted: dict[str, int]) -> int:
    """A call of which the session says that it ran, ran once; whether others did their work it says it doesn't know."""
    if item["name"] != "execute":
        # Reading, computing and setting may be repeated, and so are known.
        assert item["status"] == "completed", item
        return 0
    (id,) = item["arguments"]["parameters"]
    count = (paid if item["server_label"] == "ledger" else noted).get(id, 0)
    if item["status"] == "completed":
        assert count == 1, item
        return 0
    assert (item["status"], item["error"]["code"]) == ("incomplete", "unknown_outcome"), item
    assert count <= 1
    return 1


def events(url: str, headers: dict) -> list[tuple[str, dict]]:
    """All that a session is told from its beginning to its end."""
    told = []
    with httpx.stream("GET", f"{url}/events", headers=headers | {"last-event-id": BEGINNING}, timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                assert DURABLE.fullmatch(event["event_id"])
                told.append((event["event_id"], event))
                if event["type"] == "agent.session.idle":
                    return told
    raise AssertionError("the stream has no end")
