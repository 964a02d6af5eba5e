"""A provider that traps, or breaks off, or says what the contract forbids: its own calls fail in the client's shape and by its
name, never as a clean end, and its neighbours don't notice. (Clients of OpenAI's chat reach it by its native path, where it says
nothing itself; what it says is tested with Anthropic's clients.)"""

from collections.abc import Iterator

import httpx
import pytest

from clients import CLIENTS
from harness import (
    PATHS,
    VERSION,
    Evenhand,
    Plugin,
    broken_off,
    config,
    good,
    in_shape,
    named,
    provider,
    secrets,
    wasm,
)


@pytest.fixture(scope="module")
def running(vendors, tmp_path_factory) -> Iterator[Evenhand]:
    bad = Plugin("bad", wasm("test/misbehaving"))
    routes = [{"model": "either", "targets": [{"model": "bad/panic"}, {"model": "anthropic/mock-echo"}]}]
    text = config(bad, *(provider(dialect, vendor) for dialect, vendor in vendors.items()), routes=routes)
    with Evenhand(tmp_path_factory.mktemp("misbehaving"), text, secrets(vendors)) as running:
        yield running


@pytest.fixture(autouse=True)
def neighbours_work(running):
    yield
    for dialect in CLIENTS:
        client = running.client(dialect)
        for vendor in CLIENTS:
            assert client.ask(f"{vendor}/mock-echo", [client.user("Hi")]).text == "user: Hi"
    client = running.client("anthropic")
    assert client.ask("bad/answer", [client.user("Hi")], stream=True).text == "here"


def stream(running: Evenhand, dialect: str, model: str) -> httpx.Response:
    body = good(dialect, model) | {"stream": True}
    return httpx.post(f"{running.url}{PATHS[dialect]}", json=body, headers=VERSION, timeout=30)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_trap_before_the_answer(dialect, streams, running):
    client = running.client(dialect)
    with pytest.raises(client.errors.APIStatusError, match='"bad" trapped') as caught:
        client.ask("bad/panic", [client.user("Hi")], stream=streams)
    assert (caught.value.status_code, named(caught.value.response)) == (502, "bad")
    in_shape(dialect, caught.value.response)


def test_a_trap_of_embeddings(running):
    client = running.client("openai")
    with pytest.raises(client.errors.APIStatusError, match='"bad" trapped') as caught:
        client.sdk.embeddings.create(model="bad/panic", input="Hi")
    assert (caught.value.status_code, named(caught.value.response)) == (502, "bad")
    in_shape("openai", caught.value.response)


def test_a_trap_in_the_middle_of_a_stream(running):
    answer = stream(running, "anthropic", "bad/panic-later")
    assert answer.status_code == 200 and "so far" in answer.text
    assert '"bad" trapped' in broken_off("anthropic", answer.text)


@pytest.mark.parametrize("model", ["panic-later", "unfinished", "disorder"])
def test_half_an_answer_is_an_error_and_no_answer(model, running):
    client = running.client("anthropic")
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask(f"bad/{model}", [client.user("Hi")])
    assert (caught.value.status_code, named(caught.value.response)) == (502, "bad")
    in_shape("anthropic", caught.value.response)


@pytest.mark.parametrize("model", ["unfinished", "disorder"])
def test_half_a_stream_ends_with_an_error(model, running):
    answer = stream(running, "anthropic", f"bad/{model}")
    if answer.status_code == 200:
        broken_off("anthropic", answer.text)
    else:
        # The host saw what was wrong before the answer began.
        assert (answer.status_code, named(answer)) == (502, "bad")
        in_shape("anthropic", answer)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_route_goes_on_after_a_trap(dialect, streams, running):
    client = running.client(dialect)
    assert client.ask("either", [client.user("Hi")], stream=streams).text == "user: Hi"
