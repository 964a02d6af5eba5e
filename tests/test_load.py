"""200 streams at a time, without a pause, while a plugin's file is swapped ten times: no failed request."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

import wasm as files
from harness import PATHS, VERSION, Evenhand, config, digest, provider, replace, secrets, sse, wasm

STREAMS = 200
SWAPS = 10
# A bound for the whole run: a swap compiles a component while 200 streams use the same two cores.
BOUND = 100.0


def openai_said(text: str) -> str:
    """What a chat stream said; it must be whole."""
    assert text.endswith("\n\n")
    events = sse(text)
    assert events[-1] == (None, "[DONE]"), events[-1:]
    chunks = [json.loads(data) for _, data in events[:-1]]
    assert all("error" not in chunk for chunk in chunks)
    assert len({chunk["id"] for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert choices[0]["delta"]["role"] == "assistant"
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    assert choices[-1]["finish_reason"] == "stop"
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def anthropic_said(text: str) -> str:
    """What a messages stream said; it must be whole."""
    assert text.endswith("\n\n")
    events = [(name, json.loads(data)) for name, data in sse(text)]
    assert all(name == data["type"] for name, data in events)
    order = [name for name, _ in events if name != "ping"]
    assert order[:2] == ["message_start", "content_block_start"]
    assert order[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(order[2:-3]) == {"content_block_delta"}
    return "".join(data["delta"]["text"] for name, data in events if name == "content_block_delta")


def request(dialect: str, provider: str, said: str) -> tuple[str, dict]:
    body = {"model": f"{provider}/mock-echo", "stream": True, "messages": [{"role": "user", "content": said}]}
    return PATHS[dialect], body if dialect == "openai" else body | {"max_tokens": 1000}


SAID = {"openai": openai_said, "anthropic": anthropic_said}


async def run(running: Evenhand, file: Path, built: bytes) -> tuple[Counter, int]:
    """Streams until all swaps are done; how many of each digest's time, and the most at once."""
    done = asyncio.Event()
    finished: Counter = Counter()
    current = [digest(built)]
    active = peak = 0
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        running.url, connector=connector, timeout=aiohttp.ClientTimeout(total=60)
    ) as session:

        async def client(number: int) -> None:
            nonlocal active, peak
            dialect = ("openai", "anthropic")[number % 2]
            turn = 0
            while not done.is_set():
                turn += 1
                said = f"client {number} turn {turn} " + "word " * 20 + "end"
                path, body = request(dialect, "openai", said)
                active += 1
                peak = max(peak, active)
                async with session.post(path, json=body, headers=VERSION) as answer:
                    text = await answer.text()
                    assert answer.status == 200, text
                active -= 1
                assert SAID[dialect](text) == f"user: {said}"
                finished[current[0]] += 1

        async def swap() -> None:
            for number in range(SWAPS):
                await streamed_since(finished, current[0])
                build = built if number % 2 else files.with_section(built, "build", b"another")
                replace(file, build)
                await asyncio.to_thread(
                    running.wait_for,
                    f"swap {number}",
                    lambda s, build=build: s["plugins"][0]["digest"] == digest(build),
                )
                current[0] = digest(build)
                finished[current[0]] = 0
            await streamed_since(finished, current[0])
            done.set()

        tasks = [asyncio.create_task(client(number)) for number in range(STREAMS)]
        swapping = asyncio.create_task(swap())
        ended, _ = await asyncio.wait([swapping, *tasks], timeout=BOUND, return_when=asyncio.FIRST_EXCEPTION)
        failures = [task.exception() for task in ended if task.exception()]
        for task in (swapping, *tasks):
            task.cancel()
        if failures:
            raise failures[0]
        assert swapping in ended, f"{BOUND} s were not enough; finished {finished}"
        assert len(ended) == STREAMS + 1
    return finished, peak


async def streamed_since(finished: Counter, build: str) -> None:
    """Waits until streams finished on this build, so that every swap falls between running ones."""
    end = time.monotonic() + 30
    while finished[build] < STREAMS // 4:
        assert time.monotonic() < end, "no stream finishes"
        await asyncio.sleep(0.01)


@pytest.mark.timeout(240)
def test_no_request_fails_while_a_plugin_is_swapped(tmp_path, vendors):
    file = tmp_path / "openai.wasm"
    built = wasm("openai").read_bytes()
    file.write_bytes(built)
    text = config(provider("openai", vendors["openai"], source=file, concurrency=STREAMS + 56, queue_wait="30s"))
    with Evenhand(tmp_path, text, secrets(vendors)) as running:
        finished, peak = asyncio.run(run(running, file, built))
    print(f"{sum(finished.values())} streams in the last round of each build, {peak} at once")
    assert peak == STREAMS
    assert len(finished) == 2 and all(finished.values())
