"""A pytest plugin: PostgreSQL, as a child process, with a database for each test."""

from __future__ import annotations

import itertools
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local.ports import free_port
from infra.local.postgres import command, ensure_database, is_ready, make, programs, uri, who

PASSWORD = "p@ss:word/1"
PATIENCE_S = 60
NUMBERS = itertools.count(1)


@pytest.fixture
def postgres(postgres_port: int) -> str:
    """The URI of an empty database."""
    name = f"test{next(NUMBERS)}"
    ensure_database(postgres_port, PASSWORD, name)
    return uri(postgres_port, PASSWORD, name)


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    """Of a server; skips where Debian's package postgresql, or its like, is not installed."""
    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL here: apt-get install postgresql")
    pytest.importorskip("psycopg2", reason="psycopg2-binary is not installed: MLflow's server reaches PostgreSQL by it")
    # Not in pytest's folder, which other users may not enter.
    with tempfile.TemporaryDirectory(prefix="textgate-postgres-") as name, _running(found, Path(name)) as port:
        yield port


@contextmanager
def _running(bin_folder: Path, folder: Path) -> Iterator[int]:
    """Gives the port."""
    log, port = folder / "log", free_port()
    make(bin_folder, folder, PASSWORD)
    with log.open("wb") as file:
        process = subprocess.Popen(
            command(bin_folder, folder, port, "fsync=off"), cwd=folder, stdout=file, stderr=file, **who()
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not is_ready(port, PASSWORD):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
