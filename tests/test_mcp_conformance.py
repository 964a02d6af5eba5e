"""MCP's own conformance suite, requirements of 2025-11-25, against `/mcp/conformance`: what it asks for is offered by a server of ours
behind the bridge."""

import subprocess
from collections.abc import Iterator

import pytest

from harness import Evenhand, config, node
from mcp_servers import VERSION, bridge, conformance_server, node_program

SCENARIOS = [
    "server-initialize",
    "logging-set-level",
    "ping",
    "completion-complete",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-with-logging",
    "tools-call-error",
    "tools-call-with-progress",
    "tools-call-sampling",
    "tools-call-elicitation",
    "json-schema-2020-12",
    "elicitation-sep1034-defaults",
    "server-sse-polling",
    "server-sse-multiple-streams",
    "elicitation-sep1330-enums",
    "resources-list",
    "resources-read-text",
    "resources-read-binary",
    "resources-templates-read",
    "resources-subscribe",
    "resources-unsubscribe",
    "prompts-list",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
    "dns-rebinding-protection",
]


def suite(*args: str) -> subprocess.CompletedProcess:
    script = node("node_modules/@modelcontextprotocol/conformance/dist/index.js")
    command = [node_program(), str(script), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    # Without a key: the suite sends none, and looks at how local servers protect themselves.
    with conformance_server() as remote:
        text = config(bridge("conformance", remote))
        with Evenhand(tmp_path_factory.mktemp("conformance"), text) as running:
            yield f"{running.url}/mcp/conformance"


def test_no_scenario_is_left_out():
    listed = suite("list").stdout.split("Client scenarios")[0].splitlines()
    named = [line.split() for line in listed if line.startswith("  - ")]
    assert [name for _, name, versions in named if VERSION in versions] == SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_suite_is_content(scenario, url):
    ran = suite("server", "--url", url, "--scenario", scenario, "--spec-version", VERSION)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    # Warnings count: what the specification recommends is done as well.
    assert "FAILURE" not in said and "WARNING" not in said, said
