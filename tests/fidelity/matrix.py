"""`docs/fidelity.md`, made of what the tests said. A plugin of pytest's own, as it collects what all workers say."""

from collections.abc import Callable
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "docs/fidelity.md"
CASES = 38
# Each dialect, and the provider that speaks it.
DIALECTS = ("chat", "responses", "messages")
PROVIDERS = ("openai", "openai-responses", "anthropic", "bedrock", "gemini")
NATIVE = ("chat openai", "responses openai-responses", "messages anthropic")
PAIRS = [f"{dialect} {provider}" for dialect in DIALECTS for provider in PROVIDERS]
HEAD = """# Fidelity: what is translated, and that nothing is lost

The cases that gateways get wrong, for each pair of a client's dialect and a provider. Made by the tests in `tests/fidelity`, which
fail where this file differs from what they find; `cargo xtask test -- -k fidelity --fidelity-write` writes it anew. Each test runs
through the built binary, streamed and not, before a server that sends the vendor's exact bytes, split at every byte or at random,
and refuses what the vendor refuses.

A column is a pair: clients of OpenAI Chat, OpenAI Responses or Anthropic Messages, and the provider below. `openai` is asked by
chat completions; `openai-responses` is the same plugin, asked by Responses. ✓ passes. = passes twice: the provider speaks the client's
dialect, so bytes pass as they are, and the tests compare them; and where they are translated all the same. A number is the reason,
below the table, why a case does not apply.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fidelity-write", action="store_true", help="write docs/fidelity.md instead of comparing it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "fidelity(case, title, na, streams): a test of this case; `na` says why for pairs that it isn't for"
    )
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Matrix(config), "fidelity-collector")


def absent(mark: pytest.Mark) -> Callable[[str, str], str | None]:
    """Why a case doesn't apply to a pair. Keys of `na` are a dialect, a provider, or both as `dialect provider`."""
    reasons: dict[str, str] = mark.kwargs.get("na", {})

    def reason(dialect: str, provider: str) -> str | None:
        return next((reasons[key] for key in (f"{dialect} {provider}", dialect, provider) if key in reasons), None)

    return reason


class Matrix:
    """Collects what came of each case and pair."""

    def __init__(self, config: pytest.Config):
        self.write = config.getoption("--fidelity-write")
        self.titles: dict[int, str] = {}
        self.passed: dict[tuple[int, str], bool] = {}
        self.absent: dict[tuple[int, str], str] = {}
        self.said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == "fidelity" and (report.when == "call" or report.failed):
                self._add(value, report.passed)

    def _add(self, value: list, passed: bool) -> None:
        case, title, where, missing = value
        self.titles.setdefault(case, title)
        for pair, why in missing.items():
            self.absent[case, pair] = why
        for pair in [where] if where else [pair for pair in PAIRS if pair not in missing]:
            self.passed[case, pair] = passed and self.passed.get((case, pair), True)

    def _cell(self, case: int, pair: str, notes: list[str]) -> str:
        # A case may have several tests; a pair is out only where none of them is for it.
        if (case, pair) in self.passed:
            if not self.passed[case, pair]:
                return "✗"
            return "=" if pair in NATIVE else "✓"
        why = self.absent[case, pair]
        if why not in notes:
            notes.append(why)
        return str(notes.index(why) + 1)

    def text(self) -> str:
        notes: list[str] = []
        cells = {(case, pair): self._cell(case, pair, notes) for case in sorted(self.titles) for pair in PAIRS}
        heads = " | ".join(pair.replace(" ", "<br>") for pair in PAIRS)
        out = [HEAD, f"| | case | {heads} |", "|---" * (2 + len(PAIRS)) + "|"]
        for case in sorted(self.titles):
            row = " | ".join(cells[case, pair] for pair in PAIRS)
            out.append(f"| {case} | {self.titles[case]} | {row} |")
        out += ["\n## Why a case does not apply\n"] + [f"{at}. {why}" for at, why in enumerate(notes, 1)]
        return "\n".join(out) + "\n"

    @property
    def complete(self) -> bool:
        """All cases ran, for all pairs: not a choice of them."""
        return len(self.titles) == CASES and all(
            (case, pair) in self.passed or (case, pair) in self.absent for case in self.titles for pair in PAIRS
        )

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.write and self.titles:
            FILE.write_text(self.text())
            self.said = f"wrote {FILE}"
        elif self.complete and (not FILE.exists() or FILE.read_text() != self.text()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self.said = f"{FILE} is not what the tests found: run them with --fidelity-write and look at the difference"

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if self.said:
            terminalreporter.write_line(self.said)
