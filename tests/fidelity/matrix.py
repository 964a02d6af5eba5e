"""`docs/fidelity.md`, made of what the tests said."""

from pathlib import Path

import pytest

from fidelity.clients import CLIENTS
from fidelity.wires import WIRES

FILE = Path(__file__).resolve().parents[2] / "docs/fidelity.md"
CASES = 38
PAIRS = [f"{dialect} {provider}" for dialect in CLIENTS for provider in WIRES]
DIALECTS = {"chat": "OpenAI Chat", "responses": "OpenAI Responses", "messages": "Anthropic Messages"}
HEAD = """# Fidelity: what is translated, and that nothing is lost

The cases that gateways get wrong, for each pair of a client's dialect and a provider. Made by the tests in `tests/fidelity`, which
fail where this file differs from what they find; `pytest tests/fidelity --fidelity-write` writes it anew. Each test runs through
the built binary, streamed and not, before a server that sends the vendor's exact bytes, split at every byte or at random, and
refuses what the vendor refuses.

✓ passes. = the provider speaks the client's dialect: its bytes pass as they are, and the tests compare them; where the plugin can
be told to translate, that passes too. A number is the reason, below, why a case does not apply.
"""


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
            dialect, provider = pair.split(" ")
            return "=" if CLIENTS[dialect].NATIVE == provider else "✓"
        why = self.absent[case, pair]
        if why not in notes:
            notes.append(why)
        return f"[{notes.index(why) + 1}](#why-not)"

    def text(self) -> str:
        notes: list[str] = []
        cells = {(case, pair): self._cell(case, pair, notes) for case in sorted(self.titles) for pair in PAIRS}
        out = [HEAD]
        for dialect, shown in DIALECTS.items():
            out += [f"## Clients of {shown}\n", f"| | case | {' | '.join(WIRES)} |", "|---" * (2 + len(WIRES)) + "|"]
            for case in sorted(self.titles):
                row = " | ".join(cells[case, f"{dialect} {provider}"] for provider in WIRES)
                out.append(f"| {case} | {self.titles[case]} | {row} |")
            out.append("")
        out += ["## Why not\n"] + [f"{at}. {why}" for at, why in enumerate(notes, 1)]
        return "\n".join(out) + "\n"

    @property
    def complete(self) -> bool:
        """All cases ran, for all pairs: not a choice of them."""
        return len(self.titles) == CASES and all((case, pair) in self.passed or (case, pair) in self.absent for case in self.titles for pair in PAIRS)

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
