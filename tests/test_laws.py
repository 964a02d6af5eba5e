"""Law 1, one door: the host knows no vendor. Wire formats bear vendors' names, and have a crate of their own."""

import re

import pytest

from harness import ROOT

VENDORS = re.compile(r"openai|anthropic|stainless|gemini|bedrock", re.IGNORECASE)
HOST = sorted(file for file in (ROOT / "host").glob("*/src/**/*.rs") if "host/dialects/" not in file.as_posix())
# A module for tests ends at the first brace in its own column; rustfmt sees to that.
TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
DOCUMENTATION = re.compile(r"^\s*//[/!].*$", re.MULTILINE)
# Where the documentation of items is what `--help` says.
HELP = re.compile(r"^\s*//!.*$", re.MULTILINE)
BINARY = ROOT / "host/evenhand/src"


def code(text: str, documentation: re.Pattern = DOCUMENTATION) -> str:
    """Without tests and documentation; the lines keep their numbers."""
    return documentation.sub("", TESTS.sub(lambda found: "\n" * found[0].count("\n"), text))


@pytest.mark.parametrize("file", HOST, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_the_host_names_no_vendor(file):
    text = code(file.read_text(), HELP if BINARY in file.parents else DOCUMENTATION)
    named = [f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if VENDORS.search(line)]
    assert not named, "\n".join(named)


def test_the_search_finds_what_it_should():
    text = '/// OpenAI\nlet a = "x-stainless-";\n#[cfg(test)]\nmod tests {\n    anthropic()\n}\nWire::OpenAiChat\n'
    found = lambda text: [number for number, line in enumerate(text.splitlines(), 1) if VENDORS.search(line)]
    assert found(code(text)) == [2, 7]
    assert found(code(text, HELP)) == [1, 2, 7]
    assert len(HOST) > 30


def test_nothing_but_the_conformance_kit_stands_in_for_the_network():
    callers = [file for file in ROOT.glob("*/*/src/**/*.rs") if ".with_vendor(" in code(file.read_text())]
    names = {file.relative_to(ROOT).parent.as_posix() for file in callers}
    # The sandbox hands it from itself to a plugin's gate.
    assert names == {"sdk/conformance/src", "host/sandbox/src"}
