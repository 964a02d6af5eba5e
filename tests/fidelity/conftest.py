"""`@fidelity(12, "…")` marks a test of a case, which runs for each pair, streamed and not."""

from collections.abc import Iterator

import httpx
import pytest

from fidelity.clients import CLIENTS
from fidelity.matrix import absent
from fidelity.scripted import KEY, Scripted
from fidelity.stage import KEYS, Pair, configuration
from fidelity.wires import WIRES
from harness import Evenhand, secret

SECRETS = {secret(name): KEY for name in ("openai", "anthropic", "bedrock", "gemini")} | {
    variable: f"sk-{name}" for name, variable in KEYS.items()
}


@pytest.fixture(scope="session")
def scripted() -> Iterator[Scripted]:
    with Scripted() as vendor:
        yield vendor


@pytest.fixture(scope="session")
def between(scripted: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evenhand]:
    """One Evenhand for all cases of a worker."""
    with Evenhand(tmp_path_factory.mktemp("fidelity"), configuration(scripted), SECRETS) as running:
        yield running


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture
def to(request: pytest.FixtureRequest, between: Evenhand, scripted: Scripted, http: httpx.Client) -> Pair:
    """The pair that a case is for."""
    return Pair(between, scripted, http, **request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("fidelity")
    if mark is None or "to" not in metafunc.fixturenames:
        return
    reason = absent(mark)
    wanted, ids = [], []
    for dialect, client in CLIENTS.items():
        for provider in WIRES:
            if reason(dialect, provider):
                continue
            ways = (False, True) if client.NATIVE == provider else (False,)
            for translated in ways:
                for stream in mark.kwargs.get("streams", (False, True)):
                    wanted.append(
                        {"dialect": dialect, "provider": provider, "stream": stream, "translated": translated}
                    )
                    ids.append(
                        "-".join([dialect, provider, "stream" if stream else "whole"] + ["translated"] * translated)
                    )
    metafunc.parametrize("to", wanted, ids=ids, indirect=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    mark = item.get_closest_marker("fidelity")
    if mark is not None and call.when == "setup":
        pair = item.callspec.params.get("to", {}) if hasattr(item, "callspec") else {}
        reason = absent(mark)
        missing = {f"{d} {p}": why for d in CLIENTS for p in WIRES if (why := reason(d, p))}
        where = f"{pair['dialect']} {pair['provider']}" if pair else ""
        item.user_properties.append(("fidelity", [*mark.args, where, missing]))
    yield
