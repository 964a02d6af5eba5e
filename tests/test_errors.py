"""Errors: in the shape and as the exception type of each dialect, saying what is wrong and what to do."""

import socket
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
    check,
    config,
    good,
    in_shape,
    named,
    provider,
    secret,
    secrets,
)

DIALECTS = list(CLIENTS)
PROVIDERS = ["openai", "anthropic"]

@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "model, near",
    [
        ("openai/mock-ecco", "openai/mock-echo"),
        ("anthropic/mock-tool", "anthropic/mock-tools"),
        ("mock-echo", "openai/mock-echo"),
        ("opnai/mock-echo", "openai/mock-echo"),
    ],
)
def test_an_unknown_model_is_answered_with_the_nearest(dialect, model, near, evenhand):
    client = evenhand.client(dialect)
    with pytest.raises(client.errors.NotFoundError) as caught:
        client.ask(model, [client.user("Hi")])
    message = in_shape(dialect, caught.value.response)
    assert model.rpartition("/")[2] in message and near in message


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"model": "openai/mock-echo", "model": "anthropic/mock-echo"}'],
    ids=repr,
)
def test_malformed_bodies(dialect, body, evenhand):
    answer = httpx.post(
        f"{evenhand.url}{PATHS[dialect]}", content=body, headers=VERSION | {"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert in_shape(dialect, answer)


WRONG = {
    "model is a number": {"model": 5},
    "model is long": {"model": "m" * 600},
    "no model": {"model": ...},
    "messages is text": {"messages": "Hi"},
    "no messages": {"messages": ...},
    "role is unknown": {"messages": [{"role": "robot", "content": "Hi"}]},
    "content is a number": {"messages": [{"role": "user", "content": 5}]},
    "stream is text": {"stream": "yes"},
    "tools is an object": {"tools": {}},
    "temperature is text": {"temperature": "hot"},
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", WRONG)
def test_wrong_types_are_refused_by_name(fault, dialect, provider, evenhand):
    """Whether the host or, on the native path, the vendor finds it: a 400 that names the field."""
    body = {
        name: value
        for name, value in (good(dialect, f"{provider}/mock-echo") | WRONG[fault]).items()
        if value is not ...
    }
    client = evenhand.client(dialect)
    with pytest.raises(client.errors.BadRequestError) as caught:
        client.sdk.post(
            {"openai": "/chat/completions", "anthropic": "/v1/messages"}[dialect], body=body, cast_to=object
        )
    assert next(iter(WRONG[fault])) in in_shape(dialect, caught.value.response)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_anthropic_limit_is_demanded_of_its_clients(dialect, evenhand):
    body = good("openai", "openai/mock-echo")
    answer = httpx.post(f"{evenhand.url}{PATHS[dialect]}", json=body, headers=VERSION, timeout=30)
    assert answer.status_code == {"openai": 200, "anthropic": 400}[dialect]
    if dialect == "anthropic":
        assert "max_tokens" in in_shape(dialect, answer)


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/v1/chat/completions", 405), ("POST", "/v1/nothing", 404), ("DELETE", "/v1/models", 405)],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_not_there(method, path, status, dialect, evenhand):
    answer = httpx.request(method, evenhand.url + path, headers=VERSION if dialect == "anthropic" else {})
    assert answer.status_code == status
    assert in_shape(dialect, answer)


@pytest.fixture(scope="module")
def small(vendors, tmp_path_factory) -> Iterator[Evenhand]:
    """Bodies of at most 64 KiB, short deadlines, a vendor that is down, and two keys."""
    with socket.socket() as taken:
        # Bound but not listening: whoever connects is refused, and nobody else gets the port.
        taken.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{taken.getsockname()[1]}"
        plugins = [provider(dialect, vendor, deadline="2s") for dialect, vendor in vendors.items()]
        plugins += [provider(dialect, down, name=f"down-{dialect}") for dialect in vendors]
        keys = [
            {"name": "all", "secret": {"env": "KEY_ALL"}, "models": ["*"]},
            {"name": "one", "secret": {"env": "KEY_ONE"}, "models": ["openai/mock-echo", "anthropic/mock-t*", "smart"]},
        ]
        routes = [{"model": "smart", "targets": [{"model": "down-openai/mock-echo"}, {"model": "anthropic/mock-echo"}]}]
        text = config(*plugins, server={"max_body": "64KiB"}, keys=keys, routes=routes)
        env = secrets(vendors) | {"KEY_ALL": "sk-all", "KEY_ONE": "sk-one"}
        with Evenhand(tmp_path_factory.mktemp("small"), text, env) as running:
            yield running


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_body_over_the_limit(dialect, small):
    client = small.client(dialect, "sk-all")
    with pytest.raises(client.errors.APIStatusError) as caught:
        client.ask("openai/mock-echo", [client.user("x" * 70_000)])
    assert caught.value.status_code == 413
    assert "64" in in_shape(dialect, caught.value.response) or "65536" in in_shape(dialect, caught.value.response)
    assert client.ask("openai/mock-echo", [client.user("x" * 10_000)]).finish == "stop"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("key", ["sk-wrong", "sk-al", "sk-all2", "SK-ALL"])
def test_a_wrong_key(dialect, key, small):
    client = small.client(dialect, key)
    with pytest.raises(client.errors.AuthenticationError) as caught:
        client.ask("openai/mock-echo", [client.user("Hi")])
    assert key not in in_shape(dialect, caught.value.response)
    with pytest.raises(client.errors.AuthenticationError):
        list(client.sdk.models.list())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer"}, {"authorization": "Basic sk-all"}, {"x-api-key": ""}], ids=str
)
def test_no_key(dialect, headers, small):
    given = headers | (VERSION if dialect == "anthropic" else {})
    answer = httpx.post(f"{small.url}{PATHS[dialect]}", json=good(dialect, "openai/mock-echo"), headers=given)
    assert answer.status_code == 401
    assert in_shape(dialect, answer)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("headers", [{"authorization": "Bearer sk-one"}, {"x-api-key": "sk-one"}], ids=str)
def test_a_key_comes_in_either_header(dialect, headers, small):
    answer = httpx.post(
        f"{small.url}{PATHS[dialect]}", json=good(dialect, "openai/mock-echo"), headers=headers | VERSION, timeout=30
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_key_opens_its_models_only(dialect, small):
    client = small.client(dialect, "sk-one")
    ask = lambda model: client.ask(model, [client.user("Hi")])
    assert ask("openai/mock-echo").text == "user: Hi"
    assert ask("anthropic/mock-tools").text == "user: Hi"
    # A route's grant covers its targets; the first of them is down.
    assert ask("smart").text == "user: Hi"
    for model in ("openai/mock-tools", "anthropic/mock-echo", "openai/mock-echo2"):
        # What a key may not use is, to its holder, not there.
        with pytest.raises(client.errors.NotFoundError) as caught:
            ask(model)
        in_shape(dialect, caught.value.response)
    listed = {model.id for model in client.sdk.models.list()}
    assert listed == {
        "openai/mock-echo",
        "smart",
        *(f"anthropic/{m}" for m in ("mock-tools", "mock-thinking", "mock-truncated")),
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("provider", PROVIDERS)
class TestVendorTrouble:
    """The vendor fails before the first byte: one error, with a status that tells who is at fault."""

    def fails(self, evenhand, dialect, model, stream) -> httpx.Response:
        client = evenhand.client(dialect, "sk-all")
        with pytest.raises(client.errors.APIStatusError) as caught:
            client.ask(model, [client.user("one two three")], stream=stream)
        assert in_shape(dialect, caught.value.response)
        return caught.value.response

    def test_down(self, provider, dialect, stream, small):
        answer = self.fails(small, dialect, f"down-{provider}/mock-echo", stream)
        assert answer.status_code == 502
        assert named(answer) == f"down-{provider}"

    def test_slow(self, provider, dialect, stream, small, vendors):
        vendors[provider].close_gate()
        answer = self.fails(small, dialect, f"{provider}/mock-slow", stream)
        assert answer.status_code == 504
        assert named(answer) == provider

    def test_rate_limit_is_passed_with_its_retry_after(self, provider, dialect, stream, small, vendors, monkeypatch):
        monkeypatch.setattr(vendors[provider], "retry_after", "13")
        answer = self.fails(small, dialect, f"{provider}/mock-429", stream)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "13")
        assert "one two three" in in_shape(dialect, answer)

    def test_server_error(self, provider, dialect, stream, small):
        answer = self.fails(small, dialect, f"{provider}/mock-500", stream)
        assert answer.status_code == 500
        assert "one two three" in in_shape(dialect, answer)

    def test_overloaded(self, provider, dialect, stream, small):
        answer = self.fails(small, dialect, f"{provider}/mock-overloaded", stream)
        # The vendor's own status; but an Anthropic client knows overload by 529 only.
        assert answer.status_code == (503 if (dialect, provider) == ("openai", "openai") else 529)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("provider", PROVIDERS)
class TestBrokenAnswer:
    """The vendor fails after the first byte: the stream ends with the dialect's own error, never cleanly."""

    @pytest.mark.parametrize("model", ["mock-cut", "mock-truncated", "mock-error-mid"])
    def test_stream(self, model, provider, dialect, evenhand):
        body = good(dialect, f"{provider}/{model}") | {"stream": True}
        with httpx.stream("POST", f"{evenhand.url}{PATHS[dialect]}", json=body, headers=VERSION, timeout=30) as answer:
            assert answer.status_code == 200
            text = b"".join(answer.iter_bytes()).decode()
        broken_off(dialect, text)
        # What came before the break is not lost.
        assert "user:" in text

    @pytest.mark.parametrize("model", ["mock-cut", "mock-truncated", "mock-error-mid"])
    def test_the_sdk_raises(self, model, provider, dialect, evenhand):
        client = evenhand.client(dialect)
        with pytest.raises(client.errors.APIError):
            client.ask(f"{provider}/{model}", [client.user("one two three")], stream=True)

    def test_whole(self, provider, dialect, evenhand):
        client = evenhand.client(dialect)
        with pytest.raises(client.errors.APIError):
            client.ask(f"{provider}/mock-cut", [client.user("one two three")])


def test_a_vendor_that_refuses_our_credential(vendors, tmp_path):
    """401 from the vendor is the operator's trouble; the client still sees an error in its shape, without the secret."""
    env = {secret(dialect): "sk-revoked-secret" for dialect in vendors}
    text = config(*(provider(dialect, vendor) for dialect, vendor in vendors.items()))
    with Evenhand(tmp_path, text, env) as running:
        for dialect in DIALECTS:
            for vendor in PROVIDERS:
                client = running.client(dialect)
                with pytest.raises(client.errors.AuthenticationError) as caught:
                    client.ask(f"{vendor}/mock-echo", [client.user("Hi")])
                assert "revoked" not in in_shape(dialect, caught.value.response)
        assert "sk-revoked" not in running.log()


def test_a_destination_without_a_grant_is_refused(vendors, tmp_path):
    vendor = vendors["openai"]
    narrow = provider("openai", vendor)
    narrow.grant["egress"] = [f"GET {vendor.url}/v1/models"]
    before = len(vendor.requests)
    with Evenhand(tmp_path, config(narrow), secrets(vendors)) as running:
        client = running.client("openai")
        with pytest.raises(client.errors.PermissionDeniedError) as caught:
            client.ask("openai/mock-echo", [client.user("Hi")])
    assert named(caught.value.response) == "openai" and f"{vendor.url}/v1/chat/completions" in caught.value.message
    assert all(request.method == "GET" for request in vendor.requests[before:])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("vendor", PROVIDERS)
def test_a_secret_goes_to_its_origins_only(vendor, dialect, vendors, tmp_path):
    """Natively and translated: a grant to send there is no grant to send the secret there."""
    strayed = provider(vendor, vendors[vendor])
    strayed.grant["secrets"]["api_key"]["to"] = ["https://elsewhere.example"]
    before = len(vendors[vendor].requests)
    with Evenhand(tmp_path, config(strayed), secrets(vendors)) as running:
        client = running.client(dialect)
        with pytest.raises(client.errors.PermissionDeniedError) as caught:
            client.ask(f"{vendor}/mock-echo", [client.user("Hi")])
    message = in_shape(dialect, caught.value.response)
    assert '"api_key"' in message and vendors[vendor].url in message
    assert named(caught.value.response) == vendor
    assert len(vendors[vendor].requests) == before, "nothing is sent"


def test_without_keys_web_pages_are_kept_out(evenhand):
    ask = lambda **headers: (
        httpx.post(
            f"{evenhand.url}/v1/chat/completions", json=good("openai", "openai/mock-echo"), headers=headers
        ).status_code
    )
    port = evenhand.url.rsplit(":", 1)[1]
    assert ask() == ask(host=f"localhost:{port}") == ask(host=f"127.0.0.1:{port}") == 200
    assert ask(host="evil.example") == ask(host=f"evil.example:{port}") == 403
    assert ask(origin="https://evil.example") == ask(origin="null") == 403
    listed = httpx.get(f"{evenhand.url}/v1/models", headers={"origin": "https://evil.example"})
    assert listed.status_code == 403 and in_shape("openai", listed)


def test_the_admin_plane_wants_its_token(vendors, tmp_path):
    text = config(provider("openai", vendors["openai"]), admin={"token": {"env": "ADMIN_TOKEN"}})
    with Evenhand(tmp_path, text, secrets(vendors) | {"ADMIN_TOKEN": "let-me-in"}) as running:
        status = lambda **headers: httpx.get(f"{running.admin}/admin/v1/plugins", headers=headers).status_code
        assert status() == status(authorization="Bearer let-me-out") == 401
        assert status(authorization="Bearer let-me-in") == 200
        shown = {"authorization": "Bearer let-me-in"}
        assert status(host="evil.example", **shown) == status(origin="https://evil.example", **shown) == 403


def test_the_admin_plane_keeps_web_pages_out(evenhand):
    status = lambda **headers: httpx.get(f"{evenhand.admin}/admin/v1/plugins", headers=headers).status_code
    assert status() == 200
    assert status(host="evil.example") == status(origin="https://evil.example") == 403


def test_a_plugin_s_own_config_error_is_told(vendors, tmp_path):
    odd = provider("openai", vendors["openai"])
    odd = Plugin(odd.name, odd.source, odd.config | {"base_ulr": "x"}, odd.grant)
    checked = check(tmp_path, config(odd), secrets(vendors))
    assert checked.returncode != 0 and "base_ulr" in checked.stdout
    with Evenhand(tmp_path, config(odd), secrets(vendors)) as running:
        plugin = running.plugins()["openai"]
        assert plugin["state"] == "failed" and "base_ulr" in plugin["error"]
