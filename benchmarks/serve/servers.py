"""Servers of one bundle, each a process of its own: ours, the same without a model, and others."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import httpx

from benchmarks.peer_environment import KSERVE
from components.base.errors import TextgateError
from serving.client import infer_path, model_path
from serving.load.process import ROOT

READY_S, STOP_S, LAST_LINES = 120.0, 10.0, 15
NAME = "served"


class Server(NamedTuple):
    """`infer` is where single requests go; `ready_s` passed from its start until it was ready."""

    url: str
    infer: str
    pid: int
    ready_s: float

    def resident(self) -> int:
        """Bytes that the process holds in memory. Raises OSError where /proc is not there."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return 1024 * int(status.split("VmRSS:")[1].split()[0])


@contextmanager
def ours(*arguments: str, name: str = NAME) -> Iterator[Server]:
    """`arguments` are those of serving.server, which say what it serves."""
    port = _free_port()
    command = [sys.executable, "-m", "serving.server", "--port", str(port), *arguments]
    with _running(command, port, "/v2/health/ready", infer_path(name)) as server:
        yield server


@contextmanager
def echo(bundle: Path) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.serve.echo", "--port", str(port), "--bundle", str(bundle)]
    with _running([*command, "--name", NAME], port, "/v2/health/ready", infer_path(NAME)) as server:
        yield server


@contextmanager
def behind_kserve(bundle: Path) -> Iterator[Server]:
    """Raises NoPeer where it has no environment."""
    port, script = _free_port(), Path(__file__).with_name("kserve_model.py")
    command = [KSERVE.python(), str(script), "--http_port", str(port), "--bundle", str(bundle), "--model_name", NAME]
    environment = {"PYTHONPATH": str(ROOT)}
    with _running(command, port, f"{model_path(NAME)}/ready", infer_path(NAME), environment) as server:
        yield server


@contextmanager
def behind_mlflow(bundle: Path) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "-m", str(bundle)]
    # It starts `uvicorn` from the PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PYTHONPATH": str(ROOT), "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with _running([*command, "--port", str(port)], port, "/ping", "/invocations", environment) as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], port: int, ready: str, infer: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Raises TextgateError with its last lines where it does not become ready."""
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env=os.environ | dict(environment or {}),
            start_new_session=True,  # so that those it starts end with it
        )
        try:
            _wait(process, f"{url}{ready}", log)
            yield Server(url, f"{url}{infer}", process.pid, time.monotonic() - started)
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: IO[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    with httpx.Client(trust_env=False) as http:
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if http.get(url).status_code == httpx.codes.OK:
                    return
            time.sleep(0.01)
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").splitlines()[-LAST_LINES:]
    raise TextgateError("\n".join([f"{' '.join(process.args)} does not become ready:", *lines]))  # type: ignore[arg-type]


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
