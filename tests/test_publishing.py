"""The page for publishers, followed by somebody who reads nothing else: its commands run as they stand, but for ports."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import BINARY, ROOT, Evenhand
from mcp_servers import talk
from oci_registry import Registry

PAGE = (ROOT / "docs/publishing.md").read_text()


def blocks() -> list[tuple[str, str]]:
    """The commands of the walk: who types them, and what."""
    found = re.findall(r"```sh walk ?(\w*)\n(.*?)```", PAGE, re.S)
    assert [who for who, _ in found] == ["", "", "serving"], "the page's walk has another shape"
    return found


def typed(commands: str, folder: Path, env: dict[str, str]) -> str:
    """Types commands into a shell, which stops at the first that fails; what they printed, and in which folder they end."""
    script = f"set -euo pipefail\n{commands}\npwd"
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(600)
def test_from_nothing_to_a_signed_plugin_that_serves(tmp_path):
    publisher, operator, serving = (commands for _, commands in blocks())
    env = os.environ | {"PATH": f"{BINARY.parent}:{os.environ['PATH']}"}
    with Registry(tmp_path) as registry:

        def here(commands: str) -> str:
            assert "localhost:5000" in commands or commands == operator
            return commands.replace("localhost:5000", registry.host)

        said = typed(here(publisher), tmp_path, env)
        project = Path(said.splitlines()[-1])
        assert re.search(rf"^oci://{re.escape(registry.host)}/acme/wordcount:0\.1\.0@sha256:[0-9a-f]{{64}}$", said, re.M), said
        assert "FAIL" not in said and (project / "report.xml").exists()
        said = typed(operator, project, env)
        folder = Path(said.splitlines()[-1])
        text = (folder / "evenhand.toml").read_text()
        ports = text.replace("[admin]", '[server]\nlisten = "127.0.0.1:0"\n\n[admin]\nlisten = "127.0.0.1:0"')
        with Evenhand(folder, ports) as running:
            said = typed(here(serving), folder, env | {"EVENHAND_ADMIN_URL": running.admin})
            assert "is acme/wordcount 0.1.0" in said and "signed by the key" in said
            counted = talk(f"{running.url}/mcp", lambda client: client.call_tool("wordcount.count", {"text": "even hands"}))
            assert not counted.is_error and "2" in str(counted.content), counted
