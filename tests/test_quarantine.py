"""A plugin that fails again and again is left alone for a while, and one call after that decides: it says so to clients and
operators, routes go elsewhere, and the neighbours don't notice."""

from collections.abc import Iterator

import httpx
import pytest

from clients import CLIENTS
from harness import PATHS, VERSION, Evenhand, Plugin, config, good, in_shape, named, provider, secrets, wait_for, wasm

# How each dialect says that something has no capacity now.
OVERLOADED = {"openai": 503, "anthropic": 529}

# As many failures in a row quarantine a plugin.
FAILURES = 5


@pytest.fixture
def running(vendors, tmp_path) -> Iterator[Evenhand]:
    bad = Plugin("bad", wasm("test/misbehaving"))
    routes = [{"model": "either", "targets": [{"model": "bad/answer"}, {"model": "anthropic/mock-echo"}]}]
    text = config(bad, *(provider(dialect, vendor) for dialect, vendor in vendors.items()), routes=routes)
    with Evenhand(tmp_path, text, secrets(vendors)) as running:
        yield running


def post(running: Evenhand, dialect: str, model: str, **more) -> httpx.Response:
    headers = VERSION if dialect == "anthropic" else {}
    body = good(dialect, model) | more
    return httpx.post(f"{running.url}{PATHS[dialect]}", json=body, headers=headers, timeout=30)


def health(running: Evenhand) -> dict:
    return running.plugins()["bad"]["health"]


def fail(running: Evenhand, dialect: str = "anthropic", model: str = "bad/panic", **more) -> None:
    for _ in range(FAILURES):
        post(running, dialect, model, **more)


def probe_fails(running: Evenhand) -> None:
    """Waits for the end of a quarantine, and fails then."""
    wait_for("the probe", lambda: post(running, "anthropic", "bad/panic").status_code == 502)


@pytest.mark.parametrize("failing", CLIENTS)
def test_it_is_left_alone_says_so_and_comes_back(failing, running):
    assert health(running) == {"state": "healthy", "failures": 0}
    fail(running, failing)
    # From one second to four: time to look at it.
    probe_fails(running)
    probe_fails(running)
    for dialect in CLIENTS:
        answer = post(running, dialect, "bad/answer")
        assert (answer.status_code, named(answer)) == (OVERLOADED[dialect], "bad")
        assert 1 <= int(answer.headers["retry-after"]) <= 4
        message = in_shape(dialect, answer)
        assert "quarantine" in message and f"{FAILURES + 2} times in a row" in message and '"bad" trapped' in message
    seen = health(running)
    assert (seen["state"], seen["failures"]) == ("quarantined", FAILURES + 2)
    assert '"bad" trapped' in seen["last_error"] and seen["seconds_left"] <= 4
    for dialect in CLIENTS:
        client = running.client(dialect)
        assert client.ask("either", [client.user("Hi")]).text == "user: Hi"
        for vendor in CLIENTS:
            assert client.ask(f"{vendor}/mock-echo", [client.user("Hi")]).text == "user: Hi"
    wait_for("a good probe", lambda: post(running, "anthropic", "bad/answer").status_code == 200)
    assert health(running) == {"state": "healthy", "failures": 0}
    log = running.log()
    assert "quarantined" in log and "out of quarantine" in log


def test_a_probe_that_fails_makes_it_longer(running):
    fail(running)
    probe_fails(running)
    seen = health(running)
    assert (seen["state"], seen["failures"]) == ("quarantined", FAILURES + 1)


def test_traps_in_the_middle_of_a_stream_count(running):
    fail(running, model="bad/panic-later", stream=True)
    seen = health(running)
    assert (seen["state"], seen["failures"]) == ("quarantined", FAILURES)


@pytest.mark.parametrize("said", ["upstream", "rate-limited", "bad-request", "overloaded", "timed-out"])
def test_what_is_not_its_own_fault_does_not(said, running):
    messages = [{"role": "user", "content": said}]
    for _ in range(2 * FAILURES):
        post(running, "anthropic", "bad/fail", messages=messages)
    assert health(running) == {"state": "healthy", "failures": 0}
    assert post(running, "anthropic", "bad/answer").status_code == 200


def test_a_success_between_forgives(running):
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert post(running, "anthropic", "bad/panic").status_code == 502
        assert post(running, "anthropic", "bad/answer").status_code == 200


def test_a_new_revision_begins_healthy(running):
    fail(running)
    text = running.file.read_text()
    running.write(text.replace('name = "bad"', 'name = "bad"\nlimits = { concurrency = 7 }'))
    running.wait_for("a new revision", lambda _: health(running)["state"] == "healthy")
    assert post(running, "anthropic", "bad/answer").status_code == 200
