"""A pytest plugin: PostgreSQL, as a child process, with a database and a user of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

USER, PASSWORD = "mlflow", "p@ss:word/1"
PATIENCE_S = 60


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URI of an empty database; skips where Debian's package postgresql, or its like, is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL here: apt-get install postgresql")
    pytest.importorskip("psycopg2", reason="psycopg2-binary is not installed: MLflow's server reaches PostgreSQL by it")
    # Not in pytest's folder, which other users may not enter.
    with tempfile.TemporaryDirectory(prefix="textgate-postgres-") as name:
        folder, who = Path(name), _who()
        if who:
            shutil.chown(folder, who["user"], who["group"])
        with _running(programs, folder, who) as port:
            yield f"postgresql+psycopg2://{USER}:{quote_plus(PASSWORD)}@127.0.0.1:{port}/postgres"


def _programs() -> Path | None:
    """The folder of initdb and postgres; Debian has it for each version."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number)
    return folders[-1] if folders else None


def _number(folder: Path) -> float:
    return float(folder.parent.name)


def _who() -> dict[str, Any]:
    """PostgreSQL does not run as root: then somebody else runs it."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@contextmanager
def _running(programs: Path, folder: Path, who: dict[str, Any]) -> Iterator[int]:
    """Gives the port."""
    secret, log, port = folder / "password", folder / "log", _free_port()
    secret.write_text(PASSWORD)
    make = [str(programs / "initdb"), "-D", "data", "-U", USER, "-A", "scram-sha-256", "--pwfile", str(secret)]
    make += ["-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(make, check=True, cwd=folder, stdout=subprocess.DEVNULL, **who)
    start = [str(programs / "postgres"), "-D", "data", "-p", str(port), "-k", str(folder)]
    start += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    with log.open("wb") as file:
        process = subprocess.Popen(start, cwd=folder, stdout=file, stderr=file, **who)
    try:
        _wait(port, process, log)
        yield port
    finally:
        process.send_signal(signal.SIGINT)  # does not wait for those who are connected
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg2

    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres").close()
            return
        except psycopg2.OperationalError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return int(attempt.getsockname()[1])
