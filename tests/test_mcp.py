"""Evenhand as an MCP server, by the official SDK: our tools, and those of other servers behind the bridge."""

import asyncio
import http.server
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from harness import Evenhand, Plugin, config, wait_for, wasm
from mcp_servers import LOOK, begin, bridge, conformance_server, everything_server, opened, post, talk, until

ALL, CALC, ONE = "sk-all-0123456789", "sk-calc-0123456789", "sk-one-0123456789"
RULES = {ALL: ["*"], CALC: ["calc/*"], ONE: ["conformance/test_simple_text"]}
ENV = {"ALL_KEY": ALL, "CALC_KEY": CALC, "ONE_KEY": ONE}
KEYS = [{"name": name, "secret": {"env": name}, "tools": RULES[secret]} for name, secret in ENV.items()]


class Page(http.server.BaseHTTPRequestHandler):
    """A web server with one page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<h1>Tides</h1><p>High water at noon.</p>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def plugins(page) -> Iterator[list[Plugin]]:
    with ExitStack() as open:
        yield [
            Plugin("calc", wasm("calc")),
            Plugin("kv", wasm("kv"), {"namespace": "notes"}, {"kv": {"notes": "key"}}),
            Plugin("fetch", wasm("fetch"), grant={"egress": [f"GET {page}/*"]}),
            Plugin("sql", wasm("sql"), grant={"sql": {"shop": {"url": "sqlite://shop.db", "write": True}}}),
            bridge("conformance", open.enter_context(conformance_server())),
            bridge("everything", open.enter_context(everything_server())),
        ]


@pytest.fixture(scope="module")
def running(plugins, tmp_path_factory) -> Iterator[Evenhand]:
    folder = tmp_path_factory.mktemp("mcp")
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        shop.execute("create table items (name text)")
    text = config(*plugins, keys=KEYS, store={"url": f"sqlite://{folder / 'evenhand.db'}"})
    with Evenhand(folder, text, ENV) as running:
        yield running


@pytest.fixture(scope="module")
def url(running) -> str:
    return f"{running.url}/mcp"


def said(result: types.CallToolResult) -> str:
    """All text of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


def call(url: str, name: str, arguments: dict | None = None, key: str = ALL, **callbacks) -> types.CallToolResult:
    """One call, in a session of its own."""
    return talk(url, lambda client: client.call_tool(name, arguments or {}), key, **callbacks)


def tools(url: str, key: str = ALL) -> dict[str, types.Tool]:
    listed = talk(url, lambda client: client.list_tools(), key)
    return {tool.name: tool for tool in listed.tools}


def test_tools_of_all_plugins_are_listed_with_their_plugins(url):
    listed = tools(url)
    assert {"calc.calculate", "kv.get", "fetch.fetch", "sql.query", "everything.get-sum"} <= set(listed)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name) for name in listed)
    own = tools(f"{url}/calc")
    assert list(own) == ["calculate"]
    for tool in (listed["calc.calculate"], own["calculate"]):
        assert tool.title and tool.description and tool.output_schema["type"] == "object"
        assert tool.input_schema["required"] == ["expression"] and tool.input_schema["additionalProperties"] is False
        assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)


def test_each_of_our_tools_answers(url, page):
    async def work(client):
        sum = await client.call_tool("calc.calculate", {"expression": "0.1 + 0.2"})
        assert sum.structured_content == {"result": "0.3", "exact": True} and "0.3" in said(sum)
        await client.call_tool("kv.set", {"key": "tide", "value": "noon"})
        got = await client.call_tool("kv.get", {"key": "tide"})
        assert got.structured_content == {"found": True, "value": "noon"}
        fetched = await client.call_tool("fetch.fetch", {"url": f"{page}/tides"})
        assert "High water at noon." in said(fetched)
        insert = {"statement": "insert into items values (?1)", "parameters": ["buoy"]}
        changed = await client.call_tool("sql.execute", insert)
        assert not changed.is_error, said(changed)
        rows = await client.call_tool("sql.query", {"statement": "select name from items"})
        assert "buoy" in said(rows)

    talk(url, work, ALL)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({}, "expression"), ({"expression": 1}, "/expression"), ({"expression": "1", "more": 1}, "more")],
    ids=["missing", "of another type", "unknown"],
)
def test_arguments_that_do_not_fit_are_told_to_the_model(arguments, named, url):
    result = call(url, "calc.calculate", arguments)
    assert result.is_error and named in said(result)


@pytest.mark.parametrize("name", ["calc.none", "none.calculate", "calculate", "calc/calculate", ""])
def test_a_tool_that_is_not_there_is_unknown(name, url):
    with pytest.raises(MCPError, match="Unknown tool") as error:
        call(url, name)
    assert error.value.code == types.INVALID_PARAMS


def test_a_call_tells_how_far_it_is(url):
    heard = []

    async def progress(done, total, _):
        heard.append((done, total))

    async def work(client):
        await client.call_tool("conformance.test_tool_with_progress", progress_callback=progress)

    talk(url, work, ALL)
    assert heard == [(0, 100), (50, 100), (100, 100)]


def test_notices_below_the_level_are_not_sent(url):
    heard = []

    async def log(notice):
        heard.append((notice.level, notice.data))

    async def work(client):
        await client.call_tool("conformance.test_tool_with_logging")
        await until("three notices", lambda: len(heard) == 3)
        await client.set_logging_level("warning")
        await client.call_tool("conformance.test_tool_with_logging")
        await client.set_logging_level("debug")
        await client.call_tool("conformance.test_tool_with_logging")
        # In order: those of the second call would have come before.
        await until("three more", lambda: len(heard) >= 6)

    talk(url, work, ALL, logging_callback=log)
    once = ["Tool execution started", "Tool processing data", "Tool execution completed"]
    assert heard == [("info", text) for text in once * 2]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (types.ElicitResult(action="accept", content={"username": "ada", "email": "ada@example.com"}), "ada@example.com"),
        (types.ElicitResult(action="decline"), "action=decline"),
        (types.ElicitResult(action="cancel"), "action=cancel"),
    ],
    ids=["accepted", "declined", "cancelled"],
)
def test_a_tool_asks_the_person(answer, told, url):
    asked = []

    async def elicit(_, params):
        asked.append(params)
        return answer

    result = call(url, "conformance.test_elicitation", {"message": "Who?"}, elicitation_callback=elicit)
    assert told in said(result) and not result.is_error
    assert [params.message for params in asked] == ["Who?"]
    assert asked[0].requested_schema["required"] == ["username", "email"]


def test_an_answer_that_does_not_fit_is_none(url):
    async def elicit(_, __):
        return types.ElicitResult(action="accept", content={"username": "ada"})

    result = call(url, "conformance.test_elicitation", {"message": "Who?"}, elicitation_callback=elicit)
    assert result.is_error and "email" in said(result)


def test_a_tool_asks_the_clients_model(url):
    asked = []

    async def sample(_, params):
        asked.append(params)
        answer = types.TextContent(type="text", text="at noon")
        return types.CreateMessageResult(role="assistant", content=answer, model="the client's", stop_reason="endTurn")

    result = call(url, "conformance.test_sampling", {"prompt": "When?"}, sampling_callback=sample)
    assert "LLM response: at noon" in said(result)
    assert asked[0].messages[0].content.text == "When?" and asked[0].max_tokens == 100


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("test_elicitation", {"message": "Who?"}), ("test_sampling", {"prompt": "When?"})],
    ids=["person", "model"],
)
def test_a_client_that_can_not_be_asked_is_not(name, arguments, url):
    result = call(url, f"conformance.{name}", arguments)
    assert result.is_error and said(result)


def test_a_call_that_is_taken_back_ends_at_the_remote_server(url):
    begun = asyncio.Event()

    async def progress(*_):
        begun.set()

    async def work(client):
        async def waiting() -> str:
            return said(await client.call_tool("conformance.waiting"))

        before = int(await waiting())
        task = asyncio.create_task(client.call_tool("conformance.wait", progress_callback=progress))
        await asyncio.wait_for(begun.wait(), 30)
        assert int(await waiting()) == before + 1
        task.cancel()
        for _ in range(500):
            if int(await waiting()) == before:
                return
        raise AssertionError("it still waits")

    talk(url, work, ALL)


def test_a_client_that_goes_away_ends_its_calls(url):
    session = begin(url, ALL).headers["mcp-session-id"]

    def waiting() -> int:
        return int(said(call(url, "conformance.waiting")))

    before = waiting()
    meta = {"progressToken": "t"}
    with opened(url, ALL, "tools/call", {"name": "conformance.wait", "arguments": {}, "_meta": meta}, session) as answer:
        assert any("notifications/progress" in line for line in answer.iter_lines() if "progress" in line)
        assert waiting() == before + 1
    # It might come again for the answer, so that the call goes on for a while.
    wait_for("the call's end", lambda: waiting() == before, LOOK)


def test_resources_are_read_and_watched(url):
    updated = []

    async def handle(message):
        if isinstance(message, types.ResourceUpdatedNotification):
            updated.append(str(message.params.uri))

    async def work(client):
        listed = {str(resource.uri) for resource in (await client.list_resources()).resources}
        assert {"test://static-text", "test://watched-resource"} <= listed
        assert any(uri.startswith("demo://") for uri in listed)
        templates = (await client.list_resource_templates()).resource_templates
        assert "test://template/{id}/data" in [template.uri_template for template in templates]
        read = await client.read_resource("test://template/7/data")
        assert '"id": "7"' in read.contents[0].text
        blob = await client.read_resource("test://static-binary")
        assert blob.contents[0].blob and blob.contents[0].mime_type == "image/png"
        with pytest.raises(MCPError) as error:
            await client.read_resource("test://none")
        assert error.value.code == -32002
        await client.subscribe_resource("test://watched-resource")
        await client.call_tool("conformance.touch")
        await until("the notification", lambda: updated)
        await client.unsubscribe_resource("test://watched-resource")

    talk(url, work, ALL, message_handler=handle)
    assert set(updated) == {"test://watched-resource"}


def test_prompts_are_filled_in_and_completed(url):
    async def work(client):
        listed = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert {"conformance.test_simple_prompt", "everything.simple-prompt"} <= listed
        given = {"arg1": "salt", "arg2": "sand"}
        filled = await client.get_prompt("conformance.test_prompt_with_arguments", given)
        assert filled.messages[0].content.text == "Prompt with arguments: arg1='salt', arg2='sand'"
        with pytest.raises(MCPError, match="[Uu]nknown"):
            await client.get_prompt("conformance.none")
        of = types.PromptReference(type="ref/prompt", name="conformance.test_prompt_with_arguments")
        completed = await client.complete(of, {"name": "arg1", "value": "par"})
        assert completed.completion.values == ["paris", "park", "party"]

    talk(url, work, ALL)


def test_a_key_sees_its_own_tools_alone(url):
    assert set(tools(url, CALC)) == {"calc.calculate"}
    assert set(tools(url, ONE)) == {"conformance.test_simple_text"}
    assert set(tools(f"{url}/conformance", ONE)) == {"test_simple_text"}
    with pytest.raises(MCPError, match="Unknown tool"):
        call(url, "conformance.test_simple_text", key=CALC)
    with pytest.raises(MCPError, match="Unknown tool"):
        call(f"{url}/conformance", "test_image_content", key=ONE)
    for key, plugin in ((CALC, "conformance"), (ONE, "calc"), (ALL, "none")):
        assert begin(f"{url}/{plugin}", key).status_code == 404

    async def work(client):
        # Resources and prompts come with the whole plugin.
        assert (await client.list_resources()).resources == []
        assert (await client.list_prompts()).prompts == []

    talk(url, work, ONE)


def test_a_session_is_of_its_key_and_place(url):
    session = begin(url, CALC).headers["mcp-session-id"]
    assert post(url, CALC, "ping", session=session).status_code == 200
    for place, key, id in ((url, ALL, session), (f"{url}/calc", CALC, session), (url, CALC, "none")):
        refused = post(place, key, "ping", session=id)
        assert refused.status_code == 404 and refused.json()["error"]["message"]
    headers = {"mcp-session-id": session, "authorization": f"Bearer {ALL}"}
    assert httpx.delete(url, headers=headers).status_code == 404
    assert post(url, CALC, "ping", session=session).status_code == 200
    headers["authorization"] = f"Bearer {CALC}"
    assert httpx.delete(url, headers=headers).is_success
    assert post(url, CALC, "ping", session=session).status_code == 404


def test_who_has_no_key_is_not_let_in(url):
    for key in (None, "sk-unknown"):
        refused = begin(url, key)
        assert refused.status_code == 401 and refused.json()["jsonrpc"] == "2.0"
        assert refused.headers["www-authenticate"]


def test_a_key_has_so_many_sessions_and_no_more(url):
    opened = []
    for _ in range(101):
        answer = begin(url, ONE)
        if answer.status_code == 429:
            break
        opened.append(answer.headers["mcp-session-id"])
    assert answer.status_code == 429 and "100 sessions" in answer.json()["error"]["message"]
    assert begin(url, CALC).status_code == 200
    for session in opened:
        headers = {"mcp-session-id": session, "authorization": f"Bearer {ONE}"}
        assert httpx.delete(url, headers=headers).is_success
    assert begin(url, ONE).status_code == 200


def test_the_reference_server_stands_behind_the_bridge(url):
    async def elicit(_, __):
        return types.ElicitResult(action="decline")

    async def work(client):
        sum = await client.call_tool("get-sum", {"a": 20, "b": 22})
        assert said(sum) == "The sum of 20 and 22 is 42."
        weather = await client.call_tool("get-structured-content", {"location": "Chicago"})
        assert weather.structured_content == {"temperature": 36, "conditions": "Light rain / drizzle", "humidity": 82}
        tiny = await client.call_tool("get-tiny-image")
        assert any(isinstance(block, types.ImageContent) and block.mime_type == "image/png" for block in tiny.content)
        links = await client.call_tool("get-resource-links", {"count": 2})
        assert sum_of(links, types.ResourceLink) == 2
        wrong = await client.call_tool("get-sum", {"a": "x", "b": 1})
        assert wrong.is_error and "/a" in said(wrong)
        uri = (await client.list_resources()).resources[0].uri
        assert (await client.read_resource(uri)).contents
        filled = await client.get_prompt("args-prompt", {"city": "Bergen"})
        assert "Bergen" in filled.messages[0].content.text

    def sum_of(result, kind) -> int:
        return sum(isinstance(block, kind) for block in result.content)

    talk(f"{url}/everything", work, ALL, elicitation_callback=elicit)


def test_a_change_of_the_plugins_is_told(tmp_path):
    changed = []

    async def handle(message):
        changed.append(type(message))

    calc, kv = Plugin("calc", wasm("calc")), Plugin("more", wasm("calc"))
    with Evenhand(tmp_path, config(calc)) as running:

        async def work(client):
            assert [tool.name for tool in (await client.list_tools()).tools] == ["calc.calculate"]
            running.write(config(calc, kv))
            await until("the notification", lambda: types.ToolListChangedNotification in changed)
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert names == ["calc.calculate", "more.calculate"]

        talk(f"{running.url}/mcp", work, message_handler=handle)
