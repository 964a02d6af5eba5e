"""Attacks on the host's own memory: lines 12 to 17 of the threats."""

import pytest

from stage import NAME, written

MIB = 1 << 20


def resident(pid: int) -> int:
    """Most bytes of memory that a process ever had."""
    with open(f"/proc/{pid}/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


@pytest.mark.parametrize("name", ["a12_string", "a12_list"])
def test_12_four_gigabytes_that_are_not_there(name, begin, tmp_path):
    stage = begin(written(tmp_path, name))
    before = resident(stage.pid)
    for dialect in ("openai", "anthropic"):
        stage.fails(502, "failed: ", "out of bounds", dialect=dialect)
    assert resident(stage.pid) - before < 64 * MIB


def test_12_a_hundred_megabytes_that_are_there(begin, tmp_path):
    stage = begin(written(tmp_path, "a12_real"), limits={"memory": "200MiB"})
    before = resident(stage.pid)
    stage.fails(502, "fuel allocated for hostcalls")
    stage.limit_hit("hostcall_bytes")
    # Its own memory, and nothing of the host's.
    assert resident(stage.pid) - before < 160 * MIB


@pytest.mark.parametrize("said", ["own", "host's"])
def test_13_a_million_handles(said, begin, tmp_path):
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    stage = begin("a13_handles", grant={"weights": {"w": weights}})
    stage.fails(502, "handle", said=said)
    stage.limit_hit("handles")
    stage.lives()


def test_14_floods_of_fields(begin, target):
    stage = begin("a14_fields", grant={"egress": [f"GET {target.url}/*"]}, config={"granted": target.url})
    for said in ("many", "long", "flood"):
        stage.fails(403, "at most 256 header fields of 65536 bytes", said=said)
    stage.denied("at most 256 header fields", to=f"GET {target.url}")
    assert target.connections == 0
    stage.lives()


def test_14_floods_of_warnings(begin):
    """What becomes a header field of the client's answer stays small, and one."""
    stage = begin("a14_fields")
    for stream in (False, True):
        answer = stage.ask("warnings", stream=stream)
        assert answer.status_code == 200 and "so far" in answer.text
        assert "more" in answer.headers["evenhand-warning"] and "x" not in answer.headers
        assert sum(len(name) + len(value) for name, value in answer.headers.raw) < 8 << 10
    stage.lives()


def test_14_floods_of_words_in_an_error(begin):
    """Neither the operator's log nor the client gets them at full length."""
    stage = begin("a14_fields")
    before = len(stage.running.log())
    answer = stage.ask("error")
    assert 500 <= answer.status_code < 600
    stage.lives()
    assert len(stage.running.log()) - before < 64 << 10
    assert len(answer.content) < MIB


def test_15_empty_batches_without_end(begin):
    stage = begin("a15_empty", limits={"idle": "1s"})
    for dialect in ("openai", "anthropic"):
        stage.fails(504, "idle limit of 1s", said="batches", dialect=dialect)
    stage.limit_hit("idle")
    stage.lives()


def test_15_empty_events_without_end(begin):
    stage = begin("a15_empty")
    before = resident(stage.pid)
    for dialect in ("openai", "anthropic"):
        stage.fails(502, "its answer is more than 64.0 MiB", said="deltas", dialect=dialect)
    stage.limit_hit("answer")
    assert resident(stage.pid) - before < 320 * MIB
    stage.lives()


def test_16_floods_of_the_log(begin):
    stage = begin("a16_log")
    before = len(stage.running.log())
    for _ in range(3):
        assert stage.says() == "logged"
    stage.lives()
    log = stage.running.log()[before:]
    told = [line for line in log.splitlines() if NAME in line]
    # 64 KiB for each call, and what stands around a line.
    assert len("".join(told)) < 3 * 160 << 10
    assert log.count("further lines of this call are dropped") == 3
    assert max(map(len, told)) < 5 << 10
    # Nothing that it wrote looks like a line of the host's, or moves a terminal's cursor.
    assert not any(line.startswith("2026-01-01 INFO") for line in log.splitlines())
    assert "\x1b[2J" not in log and "forged" in log


def test_16_lines_of_the_host_s_by_an_error(begin):
    """What its error says stays in one line of the log, too."""
    stage = begin("a16_log")
    assert stage.ask("error").status_code == 502
    stage.lives()
    log = stage.running.log()
    assert "all is well" in log and "\x1b[2J" not in log
    assert not any(line.startswith("2026-01-01 INFO") for line in log.splitlines())


def test_16_floods_of_empty_lines(begin):
    """A line costs the operator's disk more than its words."""
    stage = begin("a16_log")
    before = len(stage.running.log())
    assert stage.says("empty") == "logged"
    stage.lives()
    told = [line for line in stage.running.log()[before:].splitlines() if NAME in line]
    assert len("".join(told)) < 160 << 10


@pytest.mark.parametrize(("memory", "limit"), [("64MiB", "memory"), ("512MiB", "hostcall_bytes")])
def test_17_a_batch_of_a_million_events(memory, limit, begin):
    stage = begin("a17_events", limits={"memory": memory})
    words = {"memory": "overran its memory limit", "hostcall_bytes": "fuel allocated for hostcalls"}[limit]
    stage.fails(502, words)
    stage.fails(502, words, dialect="anthropic")
    stage.limit_hit(limit)
    stage.lives()
