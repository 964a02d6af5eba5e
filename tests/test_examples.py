"""The worked examples of `examples`, as `cargo xtask example` runs them, each in a copy of its own."""

import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from harness import BINARY, PLUGINS, ROOT, need, wasm

# Compiling components for the first time takes seconds each.
RUN = 100.0


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy: what an example makes is in `target` beside it."""
    wasm("examples/scripted")
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", copy, ignore=shutil.ignore_patterns("plugins"))
    (tmp_path / "target").mkdir()
    (tmp_path / "target/plugins").symlink_to(PLUGINS.resolve())
    return copy


def start(examples: Path, *arguments: str) -> subprocess.Popen:
    environment = os.environ | {"EVENHAND_BIN": str(need(BINARY, "cargo build --release"))}
    command = [sys.executable, examples / "run.py", *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(examples: Path, *arguments: str) -> str:
    running = start(examples, *arguments)
    told, _ = running.communicate(timeout=RUN)
    assert running.returncode == 0, told
    return told


def rows(examples: Path, database: str, query: str) -> list[tuple]:
    connection = sqlite3.connect(examples.parent / "target/examples" / database)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def payouts(examples: Path) -> list[tuple]:
    return rows(examples, "insurance-claim/claims.db", "select claim, cents from payouts")


def test_an_insurance_claim_is_paid_after_a_yes(examples):
    told = run(examples, "insurance-claim", "--yes")
    steps = ["policies/query", "calc/calculate", "1640 euros are due", "May the agent", "yes (--yes)", "Paid 1640.00 euros"]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    assert payouts(examples) == [("C-77", 164_000)]


def test_an_insurance_claim_waits_for_a_person_and_is_not_paid_after_a_no(examples):
    running = start(examples, "insurance-claim")
    try:
        told = []
        for line in running.stdout:
            told.append(line)
            if line.startswith("curl "):
                break
        _, url, *options = shlex.split(told[-1])
        headers = dict(option.split(": ", 1) for option in options if ": " in option and not option.startswith("{"))
        assert payouts(examples) == []
        answer = httpx.post(url, headers=headers, content=options[-1].replace('"approve"', '"deny"'))
        assert answer.status_code == 204, answer.text
        rest, _ = running.communicate(timeout=RUN)
    finally:
        running.kill()
    assert "I did not pay: a person refused this call." in rest
    assert (running.returncode, payouts(examples)) == (0, [])


def test_the_insurers_own_tool_pays_no_more_than_the_limit(examples):
    told = run(examples, "insurance-claim", "--yes", "--message", "Please settle C-79.")
    assert "above the policy's limit, 1000.00 euros" in told
    assert payouts(examples) == []


def test_a_late_shipment_is_ordered_elsewhere(examples):
    told = run(examples, "late-shipment")
    assert "Ordered 40 x bearing 6204 from Kugel & Sohn for 146 euros" in told
    ordered = rows(examples, "late-shipment/orders.db", "select id, pieces, supplier, state from orders where id like 'S-301%'")
    assert ordered[1] == ("S-301-2", 40, "Kugel & Sohn", "ordered") and len(ordered) == 2
