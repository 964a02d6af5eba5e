"""Upgrades and rollbacks under load, and in the middle of them a kill: no request is lost, and the catalog is consistent."""

import asyncio
import random
import re
import threading
from collections import Counter
from pathlib import Path

import aiohttp
import httpx
import pytest

import wasm as files
from harness import PATHS, VERSION, Evenhand, config, digest, provider, secrets, wait_for, wasm
from operators import revisions
from test_load import SAID, request

STORE = {"url": "sqlite://evenhand.db"}
CLIENTS = 20
SWAPS = 100
KILLS = 12


def build(number: int) -> bytes:
    return files.with_section(wasm("openai").read_bytes(), "build", f"swap {number}".encode())


def resident(running: Evenhand) -> int:
    """Memory of the host, in bytes."""
    text = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


async def swaps_under_load(running: Evenhand, file: Path) -> tuple[Counter, list[int]]:
    """Clients that stream all the while; what they saw, and the host's memory as it went."""
    done = asyncio.Event()
    seen: Counter = Counter()
    memory: list[int] = []
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def client(number: int) -> None:
            dialect = ("openai", "anthropic")[number % 2]
            turn = 0
            while not done.is_set():
                turn += 1
                said = f"client {number} turn {turn} " + "word " * 10 + "end"
                path, body = request(dialect, "openai", said)
                async with session.post(running.url + path, json=body, headers=VERSION) as answer:
                    text = await answer.text()
                    assert answer.status == 200, text
                assert SAID[dialect](text) == f"user: {said}"
                seen["calls"] += 1

        async def change(what: str, body: dict) -> dict:
            async with session.post(f"{running.admin}/admin/v1/plugins/openai/{what}", json=body) as answer:
                told = await answer.json()
                assert answer.status == 200, told
                return told

        async def swap() -> None:
            for number in range(SWAPS):
                before = seen["calls"]
                if number % 2:
                    told = await change("rollback", {})
                else:
                    told = await change("upgrade", {"source": str(file)})
                assert told["revision"] == (1 if number % 2 else 2), told
                seen[told["digest"]] += 1
                # Every swap falls between calls.
                while seen["calls"] < before + CLIENTS // 2:
                    await asyncio.sleep(0.005)
                memory.append(resident(running))
            done.set()

        tasks = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
        swapping = asyncio.create_task(swap())
        ended, _ = await asyncio.wait([swapping, *tasks], timeout=150, return_when=asyncio.FIRST_EXCEPTION)
        failures = [task.exception() for task in ended if task.exception()]
        for task in (swapping, *tasks):
            task.cancel()
        if failures:
            raise failures[0]
        assert swapping in ended, f"not done in time: {seen}"
    return seen, memory


@pytest.mark.timeout(240)
def test_a_hundred_swaps_lose_no_request(own_vendors, tmp_path):
    one, two = tmp_path / "1.wasm", tmp_path / "2.wasm"
    one.write_bytes(build(1))
    two.write_bytes(build(2))
    vendor = {"openai": own_vendors["openai"]}
    entry = provider("openai", vendor["openai"], source=one)
    with Evenhand(tmp_path, config(entry, store=STORE), secrets(vendor)) as running:
        seen, memory = asyncio.run(swaps_under_load(running, two))
        assert seen[digest(build(1))] == seen[digest(build(2))] == SWAPS // 2
        assert revisions(running, "openai")[-1][0] == 2, "a swap between two makes no third"
        # From the first swaps on, when everything is warm, to the last.
        warm, last = max(memory[10:30]), min(memory[-20:])
        assert last < warm * 1.25, (warm, last)


@pytest.mark.timeout(240)
def test_a_kill_in_the_middle_of_an_upgrade_leaves_a_consistent_catalog(own_vendors, tmp_path):
    vendor = {"openai": own_vendors["openai"]}
    one = tmp_path / "1.wasm"
    one.write_bytes(build(1))
    entry = provider("openai", vendor["openai"], source=one)
    running = Evenhand(tmp_path, config(entry, store=STORE), secrets(vendor))
    dice = random.Random(20261126)
    known, outcomes = digest(build(1)), Counter()
    for number in range(2, KILLS + 2):
        file = tmp_path / f"{number}.wasm"
        file.write_bytes(build(number))
        told: dict = {}
        with running:
            begun = threading.Event()

            def upgrade(file: Path = file, told: dict = told, begun: threading.Event = begun) -> None:
                begun.set()
                try:
                    url = f"{running.admin}/admin/v1/plugins/openai/upgrade"
                    told.update(httpx.post(url, json={"source": str(file)}, timeout=60).raise_for_status().json())
                except httpx.TransportError:
                    pass

            thread = threading.Thread(target=upgrade)
            thread.start()
            begun.wait()
            # The subject: a kill at any moment, up to after its end.
            threading.Event().wait(dice.uniform(0, 1.2))
            running.process.kill()
            thread.join()
        with running:
            serving = running.plugins()["openai"]
            assert serving["state"] == "serving" and "error" not in serving
            if told:
                assert serving["digest"] == told["digest"] == digest(build(number)), "it was told, and must be there"
            else:
                assert serving["digest"] in (known, digest(build(number)))
            outcomes["told" if told else "new" if serving["digest"] != known else "old"] += 1
            known = serving["digest"]
            line = revisions(running, "openai")
            assert {state for _, state in line} <= {"serving", "retired", "failed"}
            assert [number for number, state in line if state == "serving"] == [serving["revision"]]
            client = running.client("openai")
            assert client.ask("openai/mock-echo", [client.user("Hi")]).text == "user: Hi"
    assert outcomes["told"] and outcomes["old"], f"the kills were all early or all late: {outcomes}"
