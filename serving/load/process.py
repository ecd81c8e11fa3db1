"""Load from a process of its own: callers that share an interpreter with anything else would measure that, too."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import serving
from components.base.errors import TextgateError
from serving.load.caller import Load

ROOT = Path(serving.__file__).resolve().parents[1]


class LoadProcess:
    """Posts `bodies` to `url` from now on; `records` gets each answer with its body, as JSON lines. See Load.

    Ended with the block at the latest.
    """

    def __init__(self, url: str, bodies: Sequence[str], load: Load, records: Path | None = None) -> None:
        command = [sys.executable, "-m", "serving.load", url, "--clients", str(load.clients)]
        command += ["--rate", str(load.rate), "--seconds", str(load.seconds), "--warm-up", str(load.warm_up)]
        if records:
            command += ["--records", str(records.resolve())]
        with tempfile.TemporaryFile("w+", encoding="utf-8") as lines:
            lines.writelines(f"{body}\n" for body in bodies)
            lines.seek(0)
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Ends it early."""
        self._process.terminate()

    def report(self) -> dict[str, Any]:
        """See Caller.report; waits for it. Raises TextgateError where nothing can be measured."""
        out, said = self._process.communicate()
        if self._process.returncode:
            raise TextgateError(said.strip().removeprefix("textgate: ") or "the load was cut off")
        report: dict[str, Any] = json.loads(out)
        return report

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self._process.kill()
            self._process.communicate()


def measure(url: str, bodies: Sequence[str], load: Load) -> dict[str, Any]:
    """The report of one load. Raises TextgateError."""
    with LoadProcess(url, bodies, load) as process:
        return process.report()
