"""What people install: the archive of `cargo xtask dist`, unpacked somewhere else, with nothing of this checkout."""

import hashlib
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness import CHAT_MODEL, EMBED_MODEL, MODELS, ROOT, Evenhand, need

DIST = ROOT / "target/dist"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def archive() -> Path:
    """Made of the binary that the other tests run."""
    made = subprocess.run(["cargo", "xtask", "dist"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    archives = list(DIST.glob("evenhand-*.tar.gz"))
    assert len(archives) == 1
    return archives[0]


@pytest.fixture(scope="module")
def installed(archive: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    assert archive.name == f"{top.name}.tar.gz"
    return top


class Alone(Evenhand):
    """The installed binary, with no configuration, in a folder and a home of its own."""

    def __init__(self, binary: Path, home: Path):
        self.binary = binary
        self.home = home
        (home / "work").mkdir(parents=True)
        super().__init__(home, "", {"HOME": str(home), "XDG_DATA_HOME": ""})

    def command(self) -> list[str]:
        # An empty evenhand.toml of the harness is no file of the folder where it runs.
        return ["env", "-C", str(self.home / "work"), str(self.binary), "serve", "--listen", "127.0.0.1:0"]


def sums(file: Path) -> dict[str, str]:
    pairs = [line.split("  ", 1) for line in file.read_text().splitlines()]
    return {name: digest for digest, name in pairs}


def test_checksums_fit_all_that_is_there(archive: Path, installed: Path):
    assert sums(archive.parent / "SHA256SUMS") == {archive.name: hashlib.sha256(archive.read_bytes()).hexdigest()}
    there = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    listed = sums(installed / "SHA256SUMS")
    assert there - {"SHA256SUMS"} == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((installed / name).read_bytes()).hexdigest() == digest, name
    for name in ("evenhand", "LICENSE", "README.md", "docs/config.md", "wit/types.wit", "components/openai.wasm"):
        assert name in listed


def test_nothing_in_it_is_of_the_machine_that_made_it(archive: Path):
    commit = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    when = int(commit.stdout or 0)
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.mtime, member.uid, member.gid) for member in members} == {(when, 0, 0)}
    assert archive.read_bytes()[4:8] == bytes(4), "gzip's time"


def test_the_bill_of_materials_names_what_is_in_the_binary(installed: Path):
    bill = json.loads((installed / "evenhand.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["name"] == "evenhand"
    lock = (ROOT / "Cargo.lock").read_text()
    (wasmtime,) = re.findall(r'name = "wasmtime"\nversion = "([^"]+)"', lock)
    named = {(part["name"], part["version"]) for part in bill["components"]}
    assert ("wasmtime", wasmtime) in named
    assert {name for name, _ in named} >= {"evenhand-sandbox", "tokio", "rustls", "axum"}


def test_the_binary_alone_says_what_it_lacks(installed: Path, tmp_path: Path):
    run = subprocess.run(
        [installed / "evenhand", "serve"], cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "`evenhand models` fetches them" in run.stderr and "safetensors" in run.stderr
    # A configuration that is named and isn't there is no reason to serve another.
    run = subprocess.run(
        [installed / "evenhand", "serve", "--config", "x.toml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 1 and "x.toml can't be read" in run.stderr


def test_the_binary_alone_serves_its_default(installed: Path, tmp_path: Path):
    home = tmp_path / "home"
    # The models, and what was compiled: another program of the same engine made it.
    (home / ".cache").mkdir(parents=True)
    (home / ".cache/evenhand").symlink_to(need(MODELS, "cargo xtask models").parent)
    # Elsewhere than the rest of the archive.
    binary = tmp_path / "evenhand"
    binary.write_bytes((installed / "evenhand").read_bytes())
    binary.chmod(0o755)
    with Alone(binary, home) as running:
        client = running.client("openai", timeout=300)
        assert {model.id for model in client.sdk.models.list()} == {f"local/{CHAT_MODEL}", f"local/{EMBED_MODEL}"}
        answer = client.sdk.chat.completions.create(
            model=f"local/{CHAT_MODEL}",
            messages=[{"role": "user", "content": "What is the capital of France?"}],
            temperature=0,
            max_tokens=20,
        )
        assert "Paris" in answer.choices[0].message.content
        assert [plugin["source"] for plugin in running.status()["plugins"]] == ["builtin:local", "builtin:cpu"]
    data = home / ".local/share/evenhand"
    assert (data / "default.toml").exists() and (data / "evenhand.db").exists()
    assert list((home / "work").iterdir()) == []


def test_what_is_inside_is_named_by_any_configuration(installed: Path, tmp_path: Path):
    (tmp_path / "evenhand.toml").write_text(
        '[[plugin]]\nname = "calc"\nsource = "builtin:calc"\n[[plugin]]\nname = "other"\nsource = "builtin:other"\n'
    )
    home = os.environ | {"HOME": str(tmp_path)}
    run = subprocess.run([installed / "evenhand", "check"], cwd=tmp_path, env=home, capture_output=True, text=True)
    assert re.search(r"^calc: tools, [0-9a-f]{64}$", run.stdout, re.MULTILINE), run.stdout + run.stderr
    assert 'has no component "other" inside it' in run.stdout
    digest = hashlib.sha256((installed / "components/calc.wasm").read_bytes()).hexdigest()
    assert digest in run.stdout
