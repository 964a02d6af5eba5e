"""What operators' machines ask the control plane: is it ready, and what has been counted."""

import httpx
import pytest

from harness import Evenhand, Plugin, check, config, finish, held_stream, provider, secrets, wait_for, wasm


def scrape(running: Evenhand) -> dict[str, float]:
    answer = httpx.get(f"{running.admin}/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    lines = answer.text.splitlines()
    assert lines[-1] == "# EOF"
    return {series: float(value) for series, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def ready(running: Evenhand) -> int:
    return httpx.get(f"{running.admin}/readyz").status_code


def test_what_is_counted(own_vendors, tmp_path):
    hostile = Plugin("hostile", wasm("test/misbehaving"), limits={"memory": "6MiB"})
    plugins = [provider(dialect, vendor) for dialect, vendor in own_vendors.items()]
    text = config(*plugins, hostile, Plugin("absent", "absent.wasm"))
    with Evenhand(tmp_path, text, secrets(own_vendors)) as running:
        native, neutral = running.client("openai"), running.client("anthropic")
        for client in (native, neutral):
            for streams in (False, True):
                client.ask("openai/mock-echo", [client.user("Hi")], stream=streams)
        for model, said in (("send", '{"method": "GET", "url": "http://127.0.0.1:9/"}'), ("allocate", "64"), ("panic", "")):
            with pytest.raises(neutral.errors.APIStatusError):
                neutral.ask(f"hostile/{model}", [neutral.user(said or "Hi")])
        with pytest.raises(neutral.errors.APIStatusError):
            neutral.ask("nobody/model", [neutral.user("Hi")])

        def calls(plugin: str, dialect: str, status: str) -> str:
            return f'evenhand_calls_total{{plugin="{plugin}",dialect="{dialect}",status="{status}"}}'

        # A stream's call ends a moment after its last event.
        wait_for("the last call to end", lambda: scrape(running).get('evenhand_calls_running{plugin="openai"}') == 0)
        counted = scrape(running)
        assert counted[calls("openai", "openai-chat", "2xx")] == 2
        assert counted[calls("openai", "anthropic-messages", "2xx")] == 2
        failed = {series: value for series, value in counted.items() if 'plugin="hostile"' in series}
        assert failed[calls("hostile", "anthropic-messages", "4xx")] >= 1, "what was refused"
        assert failed[calls("hostile", "anthropic-messages", "5xx")] >= 2, "what was overrun, and the trap"
        assert failed['evenhand_denials_total{plugin="hostile"}'] >= 1
        assert failed['evenhand_limit_hits_total{plugin="hostile",limit="memory"}'] >= 1
        for direction in ("input", "output"):
            assert counted[f'evenhand_tokens_total{{plugin="openai",direction="{direction}"}}'] > 0
        assert counted['evenhand_call_duration_seconds_count{plugin="openai"}'] == 4
        assert counted['evenhand_plugin_state{plugin="openai",state="serving"}'] == 1
        assert counted['evenhand_plugin_state{plugin="absent",state="failed"}'] == 1
        assert not any("nobody" in series for series in counted), "names that clients make up are no labels"

        stream = held_stream(running, "openai", "openai/mock-gate", own_vendors["openai"])
        assert scrape(running)['evenhand_calls_running{plugin="openai"}'] == 1
        finish(*stream, own_vendors["openai"], "openai")
        wait_for("the stream to end", lambda: scrape(running)['evenhand_calls_running{plugin="openai"}'] == 0)


def test_it_is_ready_while_a_plugin_serves(vendors, tmp_path):
    absent = Plugin("absent", "absent.wasm")
    with Evenhand(tmp_path, config(absent), secrets(vendors)) as running:
        assert ready(running) == 503
        assert httpx.get(f"{running.admin}/healthz").status_code == 200
        running.write(config(absent, provider("openai", vendors["openai"])))
        wait_for("it to be ready", lambda: ready(running) == 200)
        running.write(config())
        running.wait_for("no plugin", lambda s: s["plugins"] == [])
        assert ready(running) == 200, "nothing is configured, so nothing is missing"


def test_the_metrics_want_the_token(tmp_path):
    text = config(admin={"token": {"env": "ADMIN_TOKEN"}})
    with Evenhand(tmp_path, text, {"ADMIN_TOKEN": "let-me-in"}) as running:
        status = lambda **headers: httpx.get(f"{running.admin}/metrics", headers=headers).status_code
        assert (status(), status(authorization="Bearer let-me-in"), ready(running)) == (401, 200, 200)


def test_an_open_control_plane_is_refused_without_a_token(tmp_path):
    told = check(tmp_path, config(admin={"listen": "0.0.0.0:0"}))
    assert told.returncode != 0 and "admin.token" in told.stderr and "not loopback" in told.stderr
