"""Limits are enforced: whoever overruns one fails by name, and neighbours don't notice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from clients import CLIENTS
from harness import (
    PATHS,
    VERSION,
    Evenhand,
    broken_off,
    config,
    finish,
    good,
    held_stream,
    in_shape,
    named,
    provider,
    secrets,
)


@pytest.fixture(scope="module")
def running(own_vendors, tmp_path_factory) -> Iterator[Evenhand]:
    """The same two components under names that say what they lack."""
    plugins = [provider(dialect, vendor) for dialect, vendor in own_vendors.items()]
    for dialect, vendor in own_vendors.items():
        plugins += [
            provider(dialect, vendor, name=f"narrow-{dialect}", memory="6MiB"),
            provider(dialect, vendor, name=f"single-{dialect}", concurrency=1, queue_wait="300ms"),
            provider(dialect, vendor, name=f"patient-{dialect}", concurrency=1, queue_wait="60s"),
            provider(dialect, vendor, name=f"restless-{dialect}", idle="1s"),
            provider(dialect, vendor, name=f"hurried-{dialect}", deadline="1s"),
            provider(dialect, vendor, name=f"onehanded-{dialect}", handles=1),
            provider(dialect, vendor, name=f"terse-{dialect}", hostcall_bytes="64KiB"),
        ]
    with Evenhand(tmp_path_factory.mktemp("limits"), config(*plugins), secrets(own_vendors)) as running:
        yield running


def works(running: Evenhand, dialect: str, model: str) -> bool:
    client = running.client(dialect)
    return client.ask(model, [client.user("Hi")]).text == "user: Hi"


@pytest.mark.parametrize("dialect, vendor", [("openai", "anthropic"), ("anthropic", "openai")])
def test_memory(dialect, vendor, running):
    """A translated request must lie in the sandbox's memory; one of 5 MB doesn't fit into 6 MiB with its translation."""
    client = running.client(dialect)
    large = client.user("word " * 1_000_000 + "end")
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask(f"narrow-{vendor}/mock-echo", [large], max_tokens=3)
    assert caught.value.status_code == 413
    assert named(caught.value.response) == f"narrow-{vendor}"
    assert in_shape(dialect, caught.value.response)
    assert client.ask(f"{vendor}/mock-echo", [large], max_tokens=3).finish == "length"
    assert works(running, dialect, f"narrow-{vendor}/mock-echo")


def fails(running: Evenhand, dialect: str, plugin: str, said: str = "Hi") -> str:
    """The message of a call that fails by the plugin's fault."""
    client = running.client(dialect)
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask(f"{plugin}/mock-echo", [client.user(said)])
    assert caught.value.status_code == 502
    assert named(caught.value.response) == plugin
    message = in_shape(dialect, caught.value.response)
    assert plugin in message
    return message


@pytest.mark.parametrize("dialect, vendor", [("openai", "anthropic"), ("anthropic", "openai")])
def test_handles(dialect, vendor, running):
    """A translated answer needs the vendor's response and its body at once."""
    assert "limit of handles" in fails(running, dialect, f"onehanded-{vendor}")
    assert works(running, dialect, f"{vendor}/mock-echo")
    # On the native path the plugin holds nothing but the body that it hands on.
    assert works(running, vendor, f"onehanded-{vendor}/mock-echo")


@pytest.mark.parametrize("dialect, vendor", [("openai", "anthropic"), ("anthropic", "openai")])
def test_bytes_of_a_host_call(dialect, vendor, running):
    large = "word " * 40_000
    assert "copied" in fails(running, dialect, f"terse-{vendor}", large)
    assert works(running, dialect, f"terse-{vendor}/mock-echo")
    # On the native path the body never enters the sandbox.
    client = running.client(vendor)
    assert client.ask(f"terse-{vendor}/mock-echo", [client.user(large)], max_tokens=3).finish == "length"


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("vendor", CLIENTS)
def test_concurrency(dialect, vendor, running, own_vendors):
    """One call at a time: the second waits its time, then hears when to come again."""
    stream = held_stream(running, dialect, f"single-{vendor}/mock-gate", own_vendors[vendor])
    client = running.client(dialect)
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask(f"single-{vendor}/mock-echo", [client.user("Hi")])
    assert caught.value.status_code == {"openai": 503, "anthropic": 529}[dialect]
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert works(running, dialect, f"{vendor}/mock-echo")
    finish(*stream, own_vendors[vendor], dialect)
    assert works(running, dialect, f"single-{vendor}/mock-echo")


@pytest.mark.parametrize("vendor", CLIENTS)
def test_a_call_that_may_wait_is_served_in_turn(vendor, running, own_vendors):
    dialect = "openai"
    stream = held_stream(running, dialect, f"patient-{vendor}/mock-gate", own_vendors[vendor])
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(works, running, dialect, f"patient-{vendor}/mock-echo")
        assert works(running, dialect, f"{vendor}/mock-echo")
        assert not second.done()
        finish(*stream, own_vendors[vendor], dialect)
        assert second.result(30)


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("vendor", CLIENTS)
@pytest.mark.parametrize("limit", ["restless", "hurried"])
def test_a_stream_that_stands_still(limit, dialect, vendor, running, own_vendors):
    """No piece for longer than `idle`, or no end before the deadline: the stream ends with the dialect's error."""
    own_vendors[vendor].close_gate()
    body = good(dialect, f"{limit}-{vendor}/mock-gate") | {"stream": True}
    answer = httpx.post(f"{running.url}{PATHS[dialect]}", json=body, headers=VERSION, timeout=20)
    assert answer.status_code == 200
    assert "user:" in answer.text
    broken_off(dialect, answer.text)
    assert works(running, dialect, f"{limit}-{vendor}/mock-echo")
