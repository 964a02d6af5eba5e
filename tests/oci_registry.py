"""Debian's `docker-registry` on loopback, with its storage in a folder of the test's own."""

import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from harness import START, wait_for


class Registry:
    """A running registry. Use it with `with`: it is killed at the end of the block, and keeps what it has for the next one."""

    def __init__(self, folder: Path):
        if not shutil.which("docker-registry"):
            pytest.fail("docker-registry is not there: run `cargo xtask test`, or install Debian's package of that name", pytrace=False)
        self.data = folder / "registry"
        self.settings = folder / "registry.yml"
        self.port = 0

    def __enter__(self) -> "Registry":
        # The system's choice at first, and then the same again.
        text = [
            "version: 0.1",
            "log: {level: info, accesslog: {disabled: true}}",
            f"storage: {{filesystem: {{rootdirectory: {json.dumps(str(self.data))}}}}}",
            f'http: {{addr: "127.0.0.1:{self.port}"}}',
        ]
        self.settings.write_text("\n".join(text) + "\n")
        command = ["docker-registry", "serve", str(self.settings)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        found = wait_for("the registry to listen", lambda: re.search(r"listening on 127\.0\.0\.1:(\d+)", "".join(self.lines)), START)
        self.port = int(found[1])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def blob(self, digest: str) -> Path:
        """The file with the bytes of a digest, `sha256:…`."""
        of = digest.removeprefix("sha256:")
        return self.data / "docker/registry/v2/blobs/sha256" / of[:2] / of / "data"

    def manifest(self, repository: str, tag: str) -> dict:
        """What a tag leads to."""
        accept = {"accept": "application/vnd.oci.image.manifest.v1+json"}
        return httpx.get(f"http://{self.host}/v2/{repository}/manifests/{tag}", headers=accept).raise_for_status().json()
