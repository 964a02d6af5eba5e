"""Law 1, one door: the host knows no vendor. Wire formats bear vendors' names, and have a crate of their own."""

import re

import pytest

from harness import ROOT

VENDORS = re.compile(r"openai|anthropic|stainless|gemini|bedrock", re.IGNORECASE)
HOST = sorted(file for file in (ROOT / "host").glob("*/src/**/*.rs") if "host/dialects/" not in file.as_posix())
# A module for tests ends at the first brace in its own column; rustfmt sees to that.
TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
DOCUMENTATION = re.compile(r"^\s*//[/!].*$", re.MULTILINE)


def code(text: str) -> str:
    """Without tests and documentation; the lines keep their numbers."""
    return DOCUMENTATION.sub("", TESTS.sub(lambda found: "\n" * found[0].count("\n"), text))


@pytest.mark.parametrize("file", HOST, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_the_host_names_no_vendor(file):
    named = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(code(file.read_text()).splitlines(), 1)
        if VENDORS.search(line)
    ]
    assert not named, "\n".join(named)


def test_the_search_finds_what_it_should():
    text = '/// OpenAI\nlet a = "x-stainless-";\n#[cfg(test)]\nmod tests {\n    anthropic()\n}\nWire::OpenAiChat\n'
    found = [number for number, line in enumerate(code(text).splitlines(), 1) if VENDORS.search(line)]
    assert found == [2, 7]
    assert len(HOST) > 30
