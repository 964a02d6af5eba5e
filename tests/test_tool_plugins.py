"""Our own tools within their grants, by MCP's official SDK; what a grant doesn't hold is refused by name. Where they just work is in
`test_mcp`."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from mcp.shared.exceptions import MCPError

from harness import Evenhand, Plugin, config, wasm
from mcp_servers import talk
from postgres import postgres, psql
from test_mcp import page, said

__all__ = ["page"]

KEYS = {"ADA": "sk-ada-0123456789", "BEA": "sk-bea-0123456789"}


@pytest.fixture(scope="module")
def running(page, tmp_path_factory) -> Iterator[Evenhand]:
    folder = tmp_path_factory.mktemp("tools")
    for name in ("shop", "books"):
        with closing(sqlite3.connect(folder / f"{name}.db")) as db:
            db.executescript("create table items (name text, price real); insert into items values ('buoy', 12.5), ('rope', 3)")
    namespaces = {"own": "key", "all": "shared"}
    databases = {"shop": {"url": "sqlite://shop.db"}, "books": {"url": "sqlite://books.db", "write": True}}
    plugins = [
        Plugin("calc", wasm("calc")),
        Plugin("kv", wasm("kv"), {"namespace": "own"}, {"kv": namespaces}),
        Plugin("sql", wasm("sql"), grant={"sql": databases}),
        Plugin("reading", wasm("sql"), grant={"sql": {"shop": databases["shop"]}}),
        Plugin("fetch", wasm("fetch"), {"max_bytes": 30}, {"egress": [f"GET {page}/tides"]}),
        Plugin("posting", wasm("fetch"), {"write": True}, {"egress": [f"GET {page}/*"]}),
    ]
    keys = [{"name": name.lower(), "secret": {"env": name}, "tools": ["*"]} for name in KEYS]
    text = config(*plugins, keys=keys, store={"url": f"sqlite://{folder / 'evenhand.db'}"})
    with Evenhand(folder, text, KEYS) as running:
        yield running


@pytest.fixture
def call(running):
    """Calls a tool of a plugin; its result."""

    def call(name: str, who: str = "ADA", **arguments):
        return talk(f"{running.url}/mcp", lambda client: client.call_tool(name, arguments), KEYS[who])

    return call


def refused(result, *named: str) -> None:
    assert result.is_error and all(word in said(result) for word in named), said(result)


# sql


def test_databases_and_their_rows_are_told(call):
    listed = call("sql.databases").structured_content["databases"]
    assert [(one["name"], one["dialect"], one["write"]) for one in listed] == [("books", "sqlite", True), ("shop", "sqlite", False)]
    query = {"statement": "select name, price * ?1 as twice from items where price > ?2 order by name", "parameters": [2, 1]}
    rows = call("sql.query", database="shop", **query)
    assert not rows.is_error, said(rows)
    assert "25" in json.dumps(rows.structured_content) and "rope" in json.dumps(rows.structured_content)


def test_what_is_granted_for_reading_is_not_written(call, running):
    insert = "insert into items values ('net', 7)"
    refused(call("sql.execute", database="shop", statement=insert), "shop", "reading only")
    refused(call("sql.query", database="books", statement=insert), "insert into items")
    # Who may write nowhere isn't offered to.
    with pytest.raises(MCPError, match="Unknown tool"):
        call("reading.execute", statement=insert)
    for name in ("shop", "books"):
        with closing(sqlite3.connect(running.file.parent / f"{name}.db")) as db:
            assert db.execute("select count(*) from items").fetchone() == (2,)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("attach database 'evenhand.db' as own", "no other database"),
        ("vacuum into 'copy.db'", "no other database"),
        ("delete from items; select 1", "more than one statement"),
        ("begin", "transaction"),
        ("select load_extension('x.so')", "load_extension"),
        ("select readfile('/etc/passwd')", "readfile"),
        ("pragma writable_schema = on", "writable_schema"),
        ("select * from nothing", "nothing"),
        ("selec", "syntax error"),
        ("", "no statement"),
    ],
)
def test_what_no_tool_may_is_refused(statement, named, call, running):
    refused(call("sql.execute", database="books", statement=statement), named)
    assert not (running.file.parent / "copy.db").exists()


def test_a_database_that_is_not_granted_is_unknown(call):
    refused(call("sql.query", database="evenhand", statement="select 1"), "evenhand", "books", "shop")
    refused(call("sql.query", statement="select 1"), "name a `database`", "books, shop")


def test_parameters_are_no_sql(call):
    rows = call("sql.query", database="shop", statement="select ?1 as text", parameters=["'; drop table items; --"])
    assert "drop table items" in json.dumps(rows.structured_content)
    refused(call("sql.query", database="shop", statement="select ?1", parameters=[[1]]), "parameters")


def test_evenhands_own_database_is_never_granted(tmp_path):
    own = {"url": f"sqlite://{tmp_path / 'evenhand.db'}"}
    # It must be there, with its tables.
    with Evenhand(tmp_path, config(store=own)):
        pass
    sql = Plugin("sql", wasm("sql"), grant={"sql": {"own": own}})
    with Evenhand(tmp_path, config(sql, Plugin("calc", wasm("calc")), store=own)) as running:
        # The plugin's alone is the fault, and its operator is told.
        plugin = running.plugins()["sql"]
        assert "Evenhand" in json.dumps(plugin), plugin
        names = talk(f"{running.url}/mcp", lambda client: client.list_tools()).tools
        assert [tool.name for tool in names] == ["calc.calculate"]


# sql, of PostgreSQL


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory) -> Iterator[Evenhand]:
    """A host whose own database is beside those that it grants."""
    with postgres() as server:
        role, own = (server.replace("evenhand@localhost/postgres", f"shopper@localhost/{name}") for name in ("shop", "own"))
        psql(server, "create role shopper login", "create database shop owner shopper", "create database own owner shopper")
        psql(role, "create table items (name text, price numeric)", "insert into items values ('buoy', 12.5), ('rope', 3)")
        databases = {"shop": {"url": role}, "books": {"url": role, "write": True}}
        plugins = [
            Plugin("sql", wasm("sql"), {"database": "shop"}, {"sql": databases}),
            Plugin("own", wasm("sql"), grant={"sql": {"it": {"url": own}}}),
            Plugin("mighty", wasm("sql"), grant={"sql": {"it": {"url": server}}}),
        ]
        with Evenhand(tmp_path_factory.mktemp("postgresql"), config(*plugins, store={"url": own})) as running:
            yield running


@pytest.fixture
def ask(postgresql):
    def ask(name: str, **arguments):
        return talk(f"{postgresql.url}/mcp", lambda client: client.call_tool(name, arguments))

    return ask


def test_postgresql_gives_its_rows(ask):
    rows = ask("sql.query", statement="select name, price * $1::int as twice from items where price > $2::int", parameters=[2, 5])
    assert not rows.is_error, said(rows)
    assert "buoy" in said(rows) and "25.0" in said(rows) and "rope" not in said(rows)


def test_postgresql_is_written_where_that_is_granted(ask):
    insert = {"statement": "insert into items values ($1, 7) returning name", "parameters": ["net"]}
    refused(ask("sql.execute", database="shop", **insert), "shop", "reading only")
    refused(ask("sql.query", database="books", **insert), "read-only")
    changed = ask("sql.execute", database="books", **insert)
    assert not changed.is_error and "net" in said(changed)
    assert "net" in said(ask("sql.query", statement="select name from items"))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("delete from items; select 1", "multiple commands"),
        ("set session authorization evenhand", "permission denied"),
        ("copy items to '/tmp/items'", "copy"),
        ("select pg_read_file('/etc/passwd')", "permission denied"),
        ("select * from nothing", "nothing"),
    ],
)
def test_what_no_tool_may_is_refused_in_postgresql(statement, named, ask):
    refused(ask("sql.execute", database="books", statement=statement), named)
    assert "buoy" in said(ask("sql.query", statement="select name from items"))


@pytest.mark.parametrize(("name", "why"), [("own", "Evenhand"), ("mighty", "superuser")])
def test_a_database_that_no_tool_may_ask(name, why, ask, postgresql):
    assert why in json.dumps(postgresql.plugins()[name])
    with pytest.raises(MCPError, match="Unknown tool"):
        ask(f"{name}.query", statement="select 1")


# kv


def put(call, who: str, value: str, **more: str) -> None:
    result = call("kv.set", who, key="place", value=value, **more)
    assert not result.is_error, said(result)


def place(call, who: str, **more: str) -> str | None:
    return call("kv.get", who, key="place", **more).structured_content["value"]


def test_keys_see_their_own_values_where_each_has_its_own(call):
    put(call, "ADA", "Bergen")
    assert place(call, "BEA") is None
    put(call, "BEA", "Oslo")
    assert (place(call, "ADA"), place(call, "BEA")) == ("Bergen", "Oslo")
    assert call("kv.delete", "BEA", key="place").structured_content == {"deleted": True}
    assert (place(call, "ADA"), place(call, "BEA")) == ("Bergen", None)
    assert call("kv.list", "BEA").structured_content["keys"] == []


def test_keys_see_the_same_where_they_share(call):
    put(call, "ADA", "Bergen", namespace="all")
    assert place(call, "BEA", namespace="all") == "Bergen"
    assert call("kv.list", "BEA", namespace="all", prefix="pl").structured_content["keys"] == ["place"]


def test_a_namespace_that_is_not_granted_is_refused(call):
    refused(call("kv.get", key="place", namespace="none"), "none")
    refused(call("kv.set", key="x" * 257, value="1"), "256")
    refused(call("kv.set", key="large", value="x" * (64 * 1024 + 1)), "65536")


# fetch


def test_what_is_not_granted_is_not_fetched(call, page):
    assert "# Tides" in said(call("fetch.fetch", url=f"{page}/tides"))
    foreign = ("http://127.0.0.1:9/tides", "http://example.com/", "file:///etc/passwd")
    for url in (f"{page}/other", f"{page}/tides/../other", *foreign):
        refused(call("fetch.fetch", url=url), "no egress rule allows")
    with pytest.raises(MCPError, match="Unknown tool"):
        call("fetch.request", url=f"{page}/tides", method="POST")


def test_what_changes_things_needs_a_rule_of_its_own(call, page):
    refused(call("posting.request", url=f"{page}/tides", method="POST", body="x"), "POST")


def test_a_long_text_is_cut(call, page):
    cut = call("posting.fetch", url=f"{page}/tides", max_length=5)
    assert "# Tid" in said(cut) and "noon" not in said(cut) and "start_index" in said(cut)


# calc


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("1/0", "1/0"),
        ("(" * 60 + "1" + ")" * 60, "brackets"),
        ("1+" * 600, "1000 bytes"),
        ("", "no result"),
        ("9^9^9^9", "9^9^9^9"),
    ],
    ids=["division by zero", "deep", "long", "empty", "endless"],
)
def test_what_can_not_be_computed_is_told(expression, named, call):
    refused(call("calc.calculate", expression=expression), named)


def test_money_comes_out_right(call):
    result = call("calc.calculate", expression="(1299.99 + 5.01) * 1.19")
    assert result.structured_content == {"result": "1552.95", "exact": True}
