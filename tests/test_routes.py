"""A route's next target answers where one fails before its answer begins, natively or translated; else the client hears what the
last one said."""

from collections.abc import Iterator

import pytest

from clients import CLIENTS
from harness import Evenhand, config, in_shape, provider, secrets

FAULTS = ["mock-429", "mock-500", "mock-overloaded"]
REFUSED = "nothing-of-this-name"


def route(vendor: str, *models: str) -> dict:
    """One vendor's faulty model, then the other's echo."""
    other = {"openai": "anthropic", "anthropic": "openai"}[vendor]
    targets = [{"model": f"{vendor}/{model}"} for model in models] + [{"model": f"{other}/mock-echo"}]
    return {"model": "-".join(("after", vendor, *models)), "targets": targets}


@pytest.fixture(scope="module")
def running(vendors, tmp_path_factory) -> Iterator[Evenhand]:
    routes = [route(vendor, fault) for vendor in vendors for fault in [*FAULTS, REFUSED]]
    routes += [route(vendor, *FAULTS) for vendor in vendors]
    routes += [
        {"model": f"only-{vendor}", "targets": [{"model": f"{vendor}/mock-500"}, {"model": f"{vendor}/mock-429"}]}
        for vendor in vendors
    ]
    text = config(*(provider(dialect, vendor) for dialect, vendor in vendors.items()), routes=routes)
    with Evenhand(tmp_path_factory.mktemp("routes"), text, secrets(vendors)) as running:
        yield running


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("vendor", CLIENTS)
@pytest.mark.parametrize("faults", [[fault] for fault in FAULTS] + [FAULTS], ids=" ".join)
def test_the_next_target_answers(faults, vendor, dialect, stream, running, vendors):
    client = running.client(dialect)
    before = len(vendors[vendor].requests)
    asked = route(vendor, *faults)
    assert client.ask(asked["model"], [client.user("Hi")], stream=stream).text == "user: Hi"
    posted = [request.json["model"] for request in vendors[vendor].requests[before:] if request.method == "POST"]
    assert posted == faults


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("vendor", CLIENTS)
def test_what_no_other_target_would_do_better_is_not_tried_elsewhere(vendor, dialect, running):
    client = running.client(dialect)
    with pytest.raises(client.errors.NotFoundError) as caught:
        client.ask(route(vendor, REFUSED)["model"], [client.user("Hi")])
    in_shape(dialect, caught.value.response)


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("vendor", CLIENTS)
def test_the_last_target_s_error_is_the_client_s(vendor, dialect, running, vendors, monkeypatch):
    monkeypatch.setattr(vendors[vendor], "retry_after", "13")
    client = running.client(dialect)
    with pytest.raises(client.errors.RateLimitError) as caught:
        client.ask(f"only-{vendor}", [client.user("Hi")])
    assert caught.value.response.headers["retry-after"] == "13"
    in_shape(dialect, caught.value.response)
