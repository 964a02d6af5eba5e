"""A stage for an attack: an Evenhand with a good neighbour, which is called all the while, and the attacker."""

import itertools
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

import wat
from harness import PATHS, VERSION, Evenhand, Plugin, config, good, in_shape, named, need, PLUGINS, sse, wait_for

NAME = "attacker"


def attack(name: str) -> Path:
    """A built component of `attacks/`."""
    return need(PLUGINS / f"hostile/{name}.wasm", "cargo xtask test hostile")


def written(folder: Path, name: str) -> Path:
    """A component of `attacks/NAME.wat`."""
    file = folder / f"{name}.wasm"
    file.write_bytes(wat.component(attack("base").read_bytes(), name))
    return file


class Load:
    """Calls of the neighbour, one after the other in each of three threads: untouched, untouched as a stream, and translated."""

    KINDS = (("openai", False), ("openai", True), ("anthropic", True))

    def __init__(self, url: str):
        self.url = url
        self.served = [0] * len(self.KINDS)
        self.failed: list[str] = []
        self.stopped = False
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n, *kind), daemon=True) for n, kind in enumerate(self.KINDS)]

    def start(self) -> None:
        """Returns when each was served."""
        for thread in self._threads:
            thread.start()
        self.go_on()

    def go_on(self, calls: int = 1) -> None:
        """Waits until each was served so many times more."""
        before = list(self.served)
        enough = lambda: self.failed or all(now >= then + calls for now, then in zip(self.served, before))
        wait_for("the neighbour to be served", enough)
        self.lost_nothing()

    def lost_nothing(self) -> None:
        """No call failed."""
        assert self.failed == [], "\n".join(self.failed)

    def stop(self) -> None:
        self.stopped = True
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a call of the neighbour stands still"

    def _run(self, number: int, dialect: str, streams: bool) -> None:
        with httpx.Client(timeout=30) as client:
            for turn in itertools.count():
                if self._stop.wait(0.01):
                    return
                said = f"turn {turn} of {number}"
                try:
                    self._call(client, dialect, streams, said)
                except Exception as error:  # told at the end
                    self.failed.append(f"{dialect}, {said}: {error!r}")
                    return
                self.served[number] += 1

    def _call(self, client: httpx.Client, dialect: str, streams: bool, said: str) -> None:
        body = good(dialect, "openai/mock-echo") | {"stream": streams}
        body["messages"][0]["content"] = said
        answer = client.post(f"{self.url}{PATHS[dialect]}", json=body, headers=VERSION if dialect == "anthropic" else {})
        assert answer.status_code == 200, answer.text
        assert answer.headers["evenhand-target"] == "openai/mock-echo"
        if not streams:
            heard = answer.json()["choices"][0]["message"]["content"]
        elif dialect == "openai":
            *chunks, (_, last) = sse(answer.text)
            assert last == "[DONE]", answer.text
            choices = [choice for _, data in chunks for choice in json.loads(data)["choices"]]
            heard = "".join(choice["delta"].get("content") or "" for choice in choices)
        else:
            events = [json.loads(data) for _, data in sse(answer.text)]
            assert events[-1]["type"] == "message_stop", answer.text
            heard = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
        assert heard == f"user: {said}", heard


class Stage:
    """The attacker is asked here, and what operators see of it is looked at."""

    def __init__(self, running: Evenhand, load: Load, shown: dict[str, str]):
        self.running, self.load = running, load
        self.shown = shown
        """What the control plane is shown."""
        self.pid = running.process.pid
        self.audit = running.file.with_name("evenhand.audit")
        self.held = ExitStack()
        """What is open until the end."""

    def ask(
        self, said: str = "", model: str = "attack", dialect: str = "openai", name: str = NAME, **more: Any
    ) -> httpx.Response:
        """A call of an attacker."""
        body = good(dialect, f"{name}/{model}") | more
        body["messages"] = [{"role": "user", "content": said or "x"}]
        headers = VERSION if dialect == "anthropic" else {}
        return httpx.post(f"{self.running.url}{PATHS[dialect]}", json=body, headers=headers, timeout=60)

    def hold(self, calls: int, said: str = "0", name: str = NAME) -> int:
        """Begins so many streams of an attacker that stay open, and says how many did."""
        client = self.held.enter_context(httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None)))

        def begin(_: int) -> bool:
            body = good("openai", f"{name}/attack") | {"stream": True, "messages": [{"role": "user", "content": said}]}
            request = client.build_request("POST", f"{self.running.url}{PATHS['openai']}", json=body)
            answer = client.send(request, stream=True)
            pieces = answer.iter_text()
            # One that is forgotten closes its connection.
            self.held.callback(pieces.close)
            return answer.status_code == 200 and any("so far" in piece for piece in pieces)

        with ThreadPoolExecutor(16) as pool:
            return sum(pool.map(begin, range(calls)))

    def says(self, said: str = "", **more: Any) -> str:
        """What the attacker answers."""
        answer = self.ask(said, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["choices"][0]["message"]["content"]

    def fails(self, status: int, *words: str, said: str = "", dialect: str = "openai", **more: Any) -> str:
        """The attack's error: typed, by the attacker's name, in the client's shape."""
        answer = self.ask(said, dialect=dialect, **more)
        assert answer.status_code == status, answer.text[:2000]
        assert named(answer) == NAME
        message = in_shape(dialect, answer)
        assert NAME in message, message[:2000]
        for word in words:
            assert word in message, message[:2000]
        return message

    def lives(self) -> None:
        """What it did cost that call only."""
        assert self.says(model="answer") == "here"

    def rows(self, what: str, name: str = NAME) -> list[dict]:
        """Rows of the audit log about an attacker."""
        lines = self.audit.read_text().splitlines(keepends=True)
        rows = [json.loads(line) for line in lines if line.endswith("\n")]
        return [row["details"] for row in rows if row["what"] == what and row["details"]["plugin"] == name]

    def counted(self, metric: str, **labels: str) -> float:
        """A number of /metrics about the attacker, or about the plugin of the labels."""
        wanted = {"plugin": NAME} | labels
        total = 0.0
        for line in httpx.get(f"{self.running.admin}/metrics", headers=self.shown).text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.startswith(f"evenhand_{metric}{{") and all(f'{k}="{v}"' in series for k, v in wanted.items()):
                total += float(value)
        return total

    def limit_hit(self, limit: str) -> None:
        """On record and counted: the attacker ran into this limit, and into no other."""
        hit = wait_for(f"a row of {limit}", lambda: self.rows("limit-hit"))
        assert {row["limit"] for row in hit} == {limit}
        assert self.counted("limit_hits_total", limit=limit) >= 1

    def denied(self, *words: str, to: str = "") -> None:
        """On record and counted: the attacker was refused something with these words."""

        def probe() -> bool:
            rows = self.rows("denial")
            return any(to in row["to"] and all(word in row["reason"] for word in words) for row in rows)

        wait_for(f"a denial of {to!r} with {words}", probe)
        assert self.counted("denials_total") >= 1

    def plugins(self) -> dict[str, dict]:
        """What operators see of the plugins, by name."""
        seen = httpx.get(f"{self.running.admin}/admin/v1/plugins", headers=self.shown).raise_for_status().json()
        return {plugin["name"]: plugin for plugin in seen["plugins"]}

    def failed_to_load(self, name: str = NAME) -> str:
        """Why an attacker doesn't serve, as the operator is told; clients hear that it isn't there."""
        seen = self.plugins()[name]
        assert seen["state"] == "failed"
        wait_for("a row", lambda: self.rows("plugin-failed", name))
        answer = self.ask(name=name)
        assert (answer.status_code, named(answer)) == (503, name)
        assert f'"{name}" is not loaded' in in_shape("openai", answer)
        return seen["error"]

    def end(self) -> None:
        """The host stands, and the neighbour lost nothing."""
        if not self.load.stopped:
            self.load.go_on()
            wait_for("calls enough", lambda: self.load.failed or sum(self.load.served) >= 20)
            self.load.stop()
        self.held.close()
        self.load.lost_nothing()
        assert self.running.process.poll() is None and self.running.process.pid == self.pid
        assert httpx.get(f"{self.running.admin}/readyz").status_code == 200
        assert self.plugins()["openai"]["health"] == {"state": "healthy", "failures": 0}


Begin = Callable[..., Stage]


def entry(source: str | Path, **tables: Any) -> Plugin:
    """The attacker's entry in the configuration; `grant`, `limits` and `config` are its tables."""
    return Plugin(NAME, source if isinstance(source, Path) else attack(source), **tables)


def text(neighbour: Plugin, *plugins: Plugin, before: str = "", **settings: Any) -> str:
    """The configuration of a stage."""
    return before + config(neighbour, *plugins, audit={}, **settings)
