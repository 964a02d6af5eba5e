"""The operators' side of the threats, while an attacker serves: who may come to the control plane."""

import httpx
import pytest

from stage import Stage

TOKEN = "operator-token-of-the-test"
GUARDED = {
    "settings": {"admin": {"token": {"env": "EVENHAND_TEST_ADMIN_TOKEN"}}},
    "env": {"EVENHAND_TEST_ADMIN_TOKEN": TOKEN},
}
GUARDED_PATHS = ("/admin/v1/plugins", "/metrics")


def call(stage: Stage, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, f"{stage.running.admin}{path}", headers=headers)


def refused(stage: Stage, status: int, words: str, **headers: str) -> None:
    for path in GUARDED_PATHS:
        answer = call(stage, path, **headers)
        assert answer.status_code == status, (headers, answer.text)
        assert words in answer.json()["error"]["message"]
        assert "access-control-allow-origin" not in answer.headers


@pytest.fixture(params=["open", "guarded"])
def shown(request) -> dict[str, str]:
    """What a good operator shows."""
    return {} if request.param == "open" else {"authorization": f"Bearer {TOKEN}"}


def test_pages_of_other_origins(shown, begin):
    """A page that the operator looks at reaches nothing, whatever it shows."""
    stage = begin("base", shown=shown, **(GUARDED if shown else {}))
    own = stage.running.admin
    for origin in ("https://evil.example", "null", own, own.replace("127.0.0.1", "localhost"), ""):
        refused(stage, 403, "Origin", origin=origin, **shown)
    preflight = call(stage, GUARDED_PATHS[0], "OPTIONS", origin="https://evil.example", access_control_request_method="GET")
    assert preflight.status_code in (403, 405) and "access-control-allow-origin" not in preflight.headers
    assert call(stage, GUARDED_PATHS[0], **shown).status_code == 200
    stage.lives()


def test_names_that_lead_here(shown, begin):
    """A name of somebody else's that leads to this machine (DNS rebinding) is not this control plane."""
    stage = begin("base", shown=shown, **(GUARDED if shown else {}))
    port = stage.running.admin.rsplit(":", 1)[1]
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0"):
        refused(stage, 403, "is not this control plane", host=host, **shown)
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "[::1]"):
        assert call(stage, GUARDED_PATHS[0], host=host, **shown).status_code == 200
    stage.lives()


def test_the_token(begin):
    stage = begin("base", shown={"authorization": f"Bearer {TOKEN}"}, **GUARDED)
    refused(stage, 401, "token")
    refused(stage, 401, "token", x_api_key="")
    for wrong in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), f"{TOKEN} {TOKEN}"):
        refused(stage, 401, "token", authorization=f"Bearer {wrong}")
        refused(stage, 401, "token", x_api_key=wrong)
    refused(stage, 401, "token", authorization=f"Basic {TOKEN}")
    for path in GUARDED_PATHS:
        assert call(stage, path, authorization=f"Bearer {TOKEN}").status_code == 200
        assert call(stage, f"{path}?token={TOKEN}").status_code == 401
    assert TOKEN not in stage.running.log() + stage.audit.read_text()
    stage.lives()
