"""The server as a process of its own, for as long as a test needs it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    http: httpx.Client
    log: Path

    def infer(self, *texts: str, name: str = "tiny") -> httpx.Response:
        tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
        return self.http.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]})

    def until(self, holds: Callable[[], bool]) -> None:
        """Waits; fails the test when it does not come true."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"never came true; the server wrote:\n{self.log.read_text()}"
            time.sleep(0.05)


@contextmanager
def running(folder: Path, *arguments: str, program: Sequence[str] = ("-m", "serving.server")) -> Iterator[Running]:
    """`folder` takes the port file and the log."""
    port_file, log = folder / "port", folder / "server.log"
    command = [sys.executable, *program, *arguments, "--port", "0", "--port-file", str(port_file)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not port_file.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"the server did not start:\n{log.read_text()}"
            time.sleep(0.05)
        url = f"http://127.0.0.1:{int(port_file.read_text())}"
        with httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False) as http:
            yield Running(process, http, log)
    finally:
        process.kill()
        process.wait()
