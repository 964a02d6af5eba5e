"""The conformance kit: our own components keep the contract, and those that break it are told so."""

import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from harness import BINARY, ROOT, need, toml, wasm

SCRIPTS = sorted(ROOT.glob("plugins/*/*/conformance*.toml"))

# Each compiles a component, and runs thousands of calls.
pytestmark = pytest.mark.timeout(600)


def kit(component: Path, script: Path | None, junit: Path) -> tuple[int, str, dict[str, str]]:
    """Runs the kit: its exit code, its report, and how each case ended."""
    command = [need(BINARY, "cargo build --release"), "test", component, "--junit", junit]
    if script:
        command += ["--config", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert not done.stderr.startswith("evenhand:"), done.stderr
    cases = xml.parse(junit).getroot().iter("testcase")
    ends = {case.get("name", ""): next((child.tag for child in case), "pass") for case in cases}
    assert len(ends) == sum(line.startswith(("pass  ", "skip  ", "FAIL  ")) for line in done.stdout.splitlines())
    return done.returncode, done.stdout, ends


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_our_own_keep_the_contract(script, tmp_path):
    code, report, ends = kit(wasm(script.parent.name), script, tmp_path / "report.xml")
    assert code == 0, report
    assert "failure" not in ends.values() and ends["load"] in ("pass", "skipped"), report
    assert ends["load"] == "skipped" or len(ends) > 12, report


def test_all_of_our_own_have_a_script():
    components = {folder.name for folder in ROOT.glob("plugins/*/*/") if (folder / "Cargo.toml").exists()}
    assert {script.parent.name for script in SCRIPTS} == components


def project(folder: Path, script: str, **manifest) -> Path:
    """A project with a script, for components that have no manifest of their own."""
    plugin = {"name": "test/bad", "version": "0.1.0", "licence": "Apache-2.0"} | manifest
    (folder / "plugin.toml").write_text(f"plugin = {toml(plugin)}\n[build]\ncommands = [['true']]\ncomponent = 'x.wasm'\n")
    file = folder / "conformance.toml"
    file.write_text(script)
    return file


TEXT = """
[provider]
model = "{model}"
[[provider.scenario]]
name = "text"
expect = {{ text = "here" }}
[[provider.scenario.exchange]]
method = "POST"
url = "https://vendor.example/x"
json = {{ text = "here" }}
"""


@pytest.mark.parametrize(
    ("component", "model", "case"),
    [
        ("test/misbehaving", "panic", "never.traps"),
        ("test/misbehaving", "panic-later", "answer.stream[text]"),
        ("test/misbehaving", "unfinished", "answer.whole[text]"),
        ("test/misbehaving", "disorder", "answer.stream[text]"),
        ("test/misbehaving", "fail", "answer.whole[text]"),
        ("test/misbehaving", "parts", "answer.stream[text]"),
        ("test/misbehaving", "weights", "asks.no-more"),
        ("hostile/a06_next", "attack", "never.hangs"),
        ("hostile/a11_trap", "attack", "never.traps"),
        ("hostile/a15_empty", "attack", "answer.whole[text]"),
        ("hostile/a17_events", "attack", "answer.stream[text]"),
    ],
)
def test_what_misbehaves_is_told_so(component, model, case, tmp_path):
    script = project(tmp_path, TEXT.format(model=model))
    code, report, ends = kit(wasm(component), script, tmp_path / "report.xml")
    assert (code, ends[case]) == (1, "failure"), report


def test_rules_that_are_broken_are_named(tmp_path):
    script = project(tmp_path, TEXT.format(model="answer"))
    code, report, ends = kit(wasm("test/misbehaving"), script, tmp_path / "report.xml")
    # It answers without asking its vendor, and heeds nothing that is asked for.
    for case in ("answer.whole[text]", "script.complete", "silence[sampling.seed]", "error.status[500, whole]"):
        assert ends[case] == "failure", report
    assert code == 1 and "rule 3 (nothing is dropped in silence)" in report and "rule 8" in report


def test_a_component_without_a_manifest_is_told_so(tmp_path):
    code, report, ends = kit(wasm("test/misbehaving"), None, tmp_path / "report.xml")
    assert (code, ends) == (1, {"manifest.present": "failure"}), report
