"""A PostgreSQL of the test's own, started from the programs on this machine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgres() -> Iterator[str]:
    """Its URL. It listens on a socket in a folder of its own only; `evenhand` is its superuser."""
    # A socket's path is short.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        data = folder / "data"
        if os.getuid() == 0:
            # PostgreSQL's programs don't run as root.
            shutil.chown(folder, "nobody")
        _run("initdb", f"--pgdata={data}", "--username=evenhand", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        _run("pg_ctl", f"--pgdata={data}", "--wait", f"--log={folder / 'log'}", f"--options={options}", "start")
        try:
            yield f"postgres://evenhand@localhost/postgres?host={folder}"
        finally:
            _run("pg_ctl", f"--pgdata={data}", "--mode=immediate", "stop")


def psql(url: str, *statements: str) -> None:
    """Runs statements, each by itself."""
    given = [part for statement in statements for part in ("--command", statement)]
    _run("psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--dbname", url, *given)


def _run(*command: str) -> None:
    before = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.getuid() == 0 else []
    ran = subprocess.run([*before, *command], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 0, f"{command[0]}: {ran.stderr}"
