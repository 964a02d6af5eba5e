"""`evenhand dev`: a project is built whenever it changes, served meanwhile, and its traffic shown. Its build copies a component of tests."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness import BINARY, START, Evenhand, replace, toml, wait_for, wasm

SECRET = "sk-secret-of-the-project"
MANIFEST = """
[plugin]
name = "acme/weather"
version = "1.0.0"
licence = "MIT"
{asks}
[build]
commands = [["sh", "src/build.sh"]]
component = "made.wasm"
"""

pytestmark = pytest.mark.timeout(300)


class Vendor(BaseHTTPRequestHandler):
    """Says the same to everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        message = {"role": "assistant", "content": "fine"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Dev(Evenhand):
    """`evenhand dev` of a project."""

    def __init__(self, folder: Path, *args: str, env: dict[str, str] | None = None):
        self.args = args
        # What it shows is its own matter.
        super().__init__(folder, "", {"RUST_LOG": "", "NO_COLOR": "1"} | (env or {}))
        self.file.unlink()
        self.env.pop("RUST_LOG")
        self.project = folder

    def command(self) -> list[str]:
        return [str(BINARY), "dev", str(self.project), *self.args]

    def __enter__(self) -> "Dev":
        self.lines.clear()
        self.spawn()
        try:
            self.url = self._address("listening on")
        except BaseException:
            self.__exit__()
            raise
        return self

    def models(self) -> set[str]:
        return {model.id for model in self.client("openai").sdk.models.list()}

    def line(self, *words: str) -> str:
        """A line with all of these words."""
        return wait_for(
            f"a line with {words}", lambda: next((line for line in self.lines if all(word in line for word in words)), None)
        )


def project(folder: Path, component: str, asks: str = "") -> Path:
    folder = folder / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "plugin.toml").write_text(MANIFEST.format(asks=asks))
    build(folder, component)
    return folder


def build(folder: Path, component: str) -> None:
    """The project's next state: what is built now is this component."""
    replace(folder / "src/build.sh", f"cp {wasm('test/' + component)} made.wasm\n".encode())


def ask(running: Dev, model: str, **more) -> str:
    messages = [{"role": "user", "content": "hello"}]
    answer = running.client("openai", max_retries=0).sdk.chat.completions.create(model=model, messages=messages, **more)
    return answer.choices[0].message.content


def says(running: Dev) -> str:
    """Not on the native path."""
    messages = [{"role": "user", "content": "hello"}]
    client = running.client("anthropic", max_retries=0).sdk
    return client.messages.create(model="weather/answer", max_tokens=10, messages=messages).content[0].text


def test_a_project_is_built_served_watched_and_heard(tmp_path: Path, vendor: str):
    folder = project(tmp_path, "misbehaving")
    grant = {
        "egress": [f"POST {vendor}/whole/*"],
        "secrets": {"key": {"env": "WEATHER_KEY", "as": "bearer", "to": [vendor]}},
    }
    (folder / "dev.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\n[[plugin]]\nname = "weather"\nsource = "weather.wasm"\n'
        f"config = {toml({'vendor': vendor})}\ngrant = {toml(grant)}\n"
    )
    with Dev(folder, env={"WEATHER_KEY": SECRET}) as running:
        assert running.models() == {"weather/answer"}
        # Another component.
        build(folder, "contract-provider")
        wait_for("the new one", lambda: running.models() == {"weather/echo"}, START)
        assert ask(running, "weather/tomorrow") == "fine"
        call = running.line("call", 'plugin="weather"', 'model="tomorrow"', "status=200", "milliseconds=")
        assert running.lines.count(call) == 1
        sent = running.line("egress", f"POST {vendor}/whole/openai-chat/tomorrow", 'credentials="key"', "status=200")
        assert "milliseconds=" in sent
        # What the grant lacks is said as it would be written.
        with pytest.raises(Exception):
            ask(running, "weather/tomorrow", stream=True)
        rule = f"POST {vendor}/streamed/openai-chat/tomorrow"
        running.line("egress", "no egress rule allows", f'missing_rule="{rule}"')
        # A build that fails changes nothing, and its words are shown.
        replace(folder / "src/build.sh", b"echo 'error: expected `;`' >&2; exit 3\n")
        running.line("error: expected `;`")
        running.line("the build failed, and what serves stays")
        assert ask(running, "weather/tomorrow") == "fine"
        # And the next that works takes its place.
        build(folder, "misbehaving")
        wait_for("the old one again", lambda: running.models() == {"weather/answer"}, START)
        assert SECRET not in running.log()


def test_without_a_configuration_it_gets_what_it_asks_for(tmp_path: Path, vendor: str):
    asks = (
        f'[[plugin.egress]]\nrule = "POST {vendor}/*"\nwhy = "asks"\n'
        f'[[plugin.secret]]\nname = "api-key"\nas = "bearer"\nto = ["{vendor}"]\nwhy = "pays"\n'
    )
    folder = project(tmp_path, "misbehaving", asks)
    unset = {name: value for name, value in os.environ.items() if name != "API_KEY"}
    run = subprocess.run([BINARY, "dev", folder], env=unset, capture_output=True, text=True, timeout=START)
    assert run.returncode == 1
    assert 'set API_KEY (the secret "api-key")' in run.stderr and "dev.toml" in run.stderr
    with Dev(folder, "--listen", "127.0.0.1:0", env={"API_KEY": SECRET}) as running:
        assert says(running) == "here"
        running.line("there is no dev.toml")
        # What it asks for now is granted now.
        more = asks + '[[plugin.egress]]\nrule = "GET https://acme.example/*"\nwhy = "asks more"\n'
        replace(folder / "plugin.toml", MANIFEST.format(asks=more).encode())
        wait_for("a second revision", lambda: running.log().count("evenhand: built") == 2, START)
        assert says(running) == "here"
        assert SECRET not in running.log()


def test_a_folder_that_is_no_project_is_told(tmp_path: Path):
    run = subprocess.run([BINARY, "dev", tmp_path], capture_output=True, text=True, timeout=START)
    assert run.returncode == 1 and "plugin.toml" in run.stderr
