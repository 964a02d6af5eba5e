"""Fixtures of the tests of hosted agents."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from harness import Evenhand, secrets
from hosted import Sessions
from hosted.stage import KEYS, Slow, client, text
from vendors import Vendor


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def vendor(own_vendors) -> Vendor:
    """Its gate is closed: `mock-slow` never answers."""
    return own_vendors["openai"]


@pytest.fixture(scope="module")
def running(vendor, slow, tmp_path_factory) -> Iterator[Evenhand]:
    folder = tmp_path_factory.mktemp("agents")
    with Evenhand(folder, text(vendor, folder, slow), secrets({"openai": vendor}) | KEYS) as running:
        yield running


@pytest.fixture
def sessions(running) -> Sessions:
    return client(running)
