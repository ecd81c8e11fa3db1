"""The server as a subprocess that never outlives the questions put to it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import serving
from components.base.signals import holding_stop, unwinding_on_terminate
from serving.client import http_client

LAST_LINES = 15
STOP_S = 30
REQUEST_S = 60


class ServerFailedError(Exception):
    """The server did not start, or ended: why, with the last lines it wrote."""


class RunningServer:
    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self._process = process
        self._errors = errors
        self.client: httpx.Client
        self.start_s = 0.0

    def wait_ready(self, port_file: Path, timeout_s: float) -> None:
        """Raises ServerFailedError when the server ends, or is not ready in time."""
        started = time.monotonic()
        while time.monotonic() - started < timeout_s:
            self.check()
            if port_file.exists() and self._answers(int(port_file.read_text())):
                self.start_s = time.monotonic() - started
                return
            time.sleep(0.05)
        raise ServerFailedError(f"not ready within {timeout_s:g} s{self._said()}")

    def check(self) -> None:
        """Raises ServerFailedError when the process has ended."""
        if (status := self._process.poll()) is not None:
            raise ServerFailedError(f"the server ended with status {status}{self._said()}")

    def stop(self) -> None:
        if hasattr(self, "client"):
            self.client.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answers(self, port: int) -> bool:
        if not hasattr(self, "client"):
            self.client = http_client(f"http://127.0.0.1:{port}", REQUEST_S)
        try:
            return self.client.get("/v2/health/ready", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _said(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return ": " + "\n".join(lines) if lines else ", and wrote nothing"


@contextmanager
def server(bundle: Path, start_timeout_s: float) -> Iterator[RunningServer]:
    """The server on `bundle`, ready; stopped at the end, also when interrupted or told to terminate.

    Raises ServerFailedError when it does not come up.
    """
    with unwinding_on_terminate(), tempfile.TemporaryDirectory() as folder:
        port_file, errors = Path(folder) / "port", Path(folder) / "stderr"
        command = [sys.executable, "-m", "serving.server", "--bundle", str(bundle.resolve())]
        command += ["--port", "0", "--port-file", str(port_file)]
        running = None
        try:
            # Stopped between its start and here, the server would be nobody's.
            with holding_stop(), errors.open("wb") as stderr:
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=_environment())
                running = RunningServer(process, errors)
            running.wait_ready(port_file, start_timeout_s)
            yield running
        finally:
            if running:
                running.stop()


def _environment() -> dict[str, str]:
    """The server's code is this very code, wherever the step runs."""
    root = str(Path(serving.__file__).resolve().parents[1])
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root}
