"""The server on this machine follows the promotion log: what its head names is deployed here, by a process of its own,
since MLflow is more than a server should hold."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from components.base.errors import TextgateError
from components.base.promotion_log import Entry, PromotionLog
from serving.pins import read_pin


class HeadFollower:
    """Called again and again, it looks at the log every `interval_s`, and deploys a head that is not pinned at `pin`.

    A head that could not be deployed is tried again after `again_s`.
    """

    def __init__(
        self,
        log: PromotionLog,
        pin: Path,
        deploy: Callable[[Entry], None],
        interval_s: float = 5.0,
        again_s: float = 60.0,
    ) -> None:
        self._log, self._pin, self._deploy = log, pin, deploy
        self._interval_s, self._again_s = interval_s, again_s
        self._next = 0.0

    def __call__(self) -> None:
        """Raises TextgateError where the log cannot be read, or the head not be deployed."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._again_s
        head = self._log.head()
        if head is not None and not self._pinned(head):
            self._deploy(head)
        self._next = time.monotonic() + self._interval_s

    def _pinned(self, head: Entry) -> bool:
        try:
            pin = read_pin(self._pin)
        except TextgateError:
            return False
        return (pin.version, pin.digest) == (head.version, head.bundle_digest)


def deploy_here(name: str, arguments: Sequence[str]) -> Callable[[Entry], None]:
    """`textgate deploy` of a head on this machine; `arguments` name its config."""
    program = "from pipelines.cli import main; main()"

    def deploy(head: Entry) -> None:
        command = [sys.executable, "-c", program, "deploy", name, head.version, *arguments]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            said = done.stderr.strip().removeprefix("textgate: ") or f"it ended with status {done.returncode}"
            raise TextgateError(f"version {head.version}, which the promotion log names, could not be deployed: {said}")

    return deploy
