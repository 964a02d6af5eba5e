"""Attacks on neighbours: lines 33 to 36 of the threats."""

import os
from concurrent.futures import ThreadPoolExecutor

import httpx

from harness import Plugin, in_shape, named, wait_for
from stage import NAME, Stage, attack, written


def test_33_state_left_in_memory(begin):
    """Each call leaves its words everywhere and looks for those of others in all of its memory."""
    stage = begin("a33_memory")
    calls = [f"nbsl-{number:04}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(stage.says, calls)) == {"[]"}
    # The attack itself works: within one call, it finds what is there.
    assert "nbsl-" in stage.says("nbsl-0001 nbsl-0002")


def test_33_state_left_in_globals_and_tables(begin, tmp_path):
    stage = begin(written(tmp_path, "a33_globals"))
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: stage.ask(), range(40)):
            assert answer.status_code == 400 and "nothing" in answer.text, answer.text


def test_34_all_places_taken(begin):
    """As many calls as it may have by default; the next one is told to come again, and the neighbour is served."""
    stage = begin("a34_starving", limits={"queue_wait": "200ms"})
    assert stage.hold(256) == 256
    stage.load.go_on(5)
    answer = stage.ask()
    assert (answer.status_code, named(answer)) == (503, NAME) and int(answer.headers["retry-after"]) >= 1
    assert "is busy: no place became free in 200ms" in in_shape("openai", answer)
    stage.limit_hit("concurrency")
    stage.load.go_on(5)


def test_34_all_places_of_the_host_taken(begin):
    """Four attackers, none of which has more than the default, want 1024 places of the host's 1000."""
    others = [Plugin(f"{NAME}-{number}", attack("a34_starving"), limits={"queue_wait": "200ms"}) for number in range(3)]
    stage = begin("a34_starving", *others, limits={"queue_wait": "200ms"})
    held = [stage.hold(256, name=name) for name in (NAME, *(other.name for other in others))]
    assert sum(held) >= 500
    stage.load.go_on(5)


def test_34_all_connections_open(begin, target):
    grant = {"egress": [f"GET {target.url}/*"]}
    stage = begin("a34_starving", grant=grant, config={"granted": target.url}, limits={"connections": 20})
    stage.fails(503, "20 requests of the plugin are open", "limits.connections", said="21")
    assert stage.hold(1, "20") == 1
    stage.fails(503, "limits.connections", said="1")
    stage.load.go_on(5)
    assert len(target.arrived) == 40
    stage.limit_hit("connections")


def test_34_more_that_spin_than_there_are_cores(begin):
    stage = begin("a01_loop", limits={"deadline": "3s"})
    spinning = (os.cpu_count() or 1) + 1
    with ThreadPoolExecutor(spinning) as pool:
        asked = [pool.submit(stage.fails, 504, "deadline limit of 3s") for _ in range(spinning)]
        stage.load.go_on(5)
        assert not any(call.done() for call in asked), "the neighbour was served while they spun"
        for call in asked:
            call.result(30)
    stage.limit_hit("deadline")


def test_35_another_s_name(begin):
    """Two of one name: the file is refused as a whole, and what served before serves on."""
    stage = begin("a35_names")
    before = {name: plugin["digest"] for name, plugin in stage.plugins().items()}
    text = stage.running.file.read_text()
    stage.running.write(text + f'\n[[plugin]]\nname = "openai"\nsource = "{attack("a35_names")}"\n')
    error = stage.running.wait_for("the refusal", lambda seen: seen.get("config_error"))
    assert 'two plugins are named "openai"' in error
    assert {name: plugin["digest"] for name, plugin in stage.plugins().items()} == before
    stage.load.go_on(5)


def test_35_another_s_models(begin):
    stage = begin("a35_names")
    listed = httpx.get(f"{stage.running.url}/v1/models").json()["data"]
    of = {name: [m for m in listed if m["id"].startswith(f"{name}/")] for name in ("openai", NAME)}
    assert len(of["openai"]) + len(of[NAME]) == len(listed)
    assert [m["id"] for m in of[NAME]] == [
        f"{NAME}/{name}" for name in ("openai/mock-echo", "../openai/mock-echo", "/openai/mock-echo", "mock-echo")
    ]
    assert [m["id"] for m in of["openai"]].count("openai/mock-echo") == 1
    # Who is asked by its name answers, and says by whom, whatever it says of itself.
    # (Who owns a model and what it is called beside are the plugin's own words.)
    for name in ("mock-echo", "openai/mock-echo"):
        answer = stage.ask(model=name)
        assert answer.headers["evenhand-target"] == f"{NAME}/{name}"
        assert answer.json()["choices"][0]["message"]["content"] == "stolen"
        assert answer.json()["model"] == f"{NAME}/{name}"


# The half of all that 64 bits can count.
HUGE = 2**63


def told(stage: Stage, dialect: str, stream: bool, *numbers: int) -> dict[str, float]:
    """By how much the attacker's tokens grow, where it tells these numbers."""
    tokens = lambda: {to: stage.counted("tokens_total", direction=to) for to in ("input", "output")}
    before = tokens()
    answer = stage.ask(str(list(numbers)), dialect=dialect, stream=stream)
    assert answer.status_code == 200 and '"error"' not in answer.text, answer.text
    wait_for("the call to end", lambda: stage.counted("calls_running") == 0)
    return {to: after - before[to] for to, after in tokens().items()}


WAYS = [(dialect, stream) for dialect in ("openai", "anthropic") for stream in (False, True)]


def test_36_usage_that_never_was(begin):
    """What a plugin tells stands under its own name, and is told once. The host counts calls itself."""
    stage = begin("a36_usage")
    for way in WAYS:
        assert told(stage, *way, 10, 0, 20) == {"input": 10, "output": 20}
        # More cached than there was, which some subtract.
        assert told(stage, *way, 10, 1000, 20) == {"input": 10, "output": 20}
    assert stage.counted("calls_total", status="2xx") == 2 * len(WAYS)
    assert stage.counted("call_duration_seconds_count") == 2 * len(WAYS)
    stage.lives()


def test_36_usage_beyond_all_numbers(begin):
    """A counter never goes back, whatever is told."""
    stage = begin("a36_usage")
    for way in WAYS:
        grown = told(stage, *way, HUGE, HUGE, HUGE)
        assert all(by >= 0 for by in grown.values()), grown
    stage.lives()


def test_36_usage_of_the_neighbour_stays(begin, openai_vendor):
    stage = begin("a36_usage")
    stage.ask(f"[{HUGE}, 0, {HUGE}]")
    stage.load.go_on(3)
    stage.load.stop()
    served = sum(stage.load.served)
    wait_for("all calls to end", lambda: stage.counted("calls_running", plugin="openai") == 0)
    # "turn N of M" has four words, and the mock's answer one more.
    assert stage.counted("tokens_total", plugin="openai", direction="input") == 4 * served
    assert stage.counted("tokens_total", plugin="openai", direction="output") == 5 * served
    assert stage.counted("calls_total", plugin="openai", status="2xx") == served
