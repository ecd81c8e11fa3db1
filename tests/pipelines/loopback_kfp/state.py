"""What the loopback server holds, and how it shall behave."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Frame = tuple[str, dict[str, str]]


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Fault:
    """Befalls the next `times` requests whose "METHOD path" fits `where`: an answer of that status (with the headers),
    "drop" (no answer), "cut" (half of one), "lost" (it is done, its answer dropped), "page" (a login page), JSON (that
    answer), "html" (an error page that is not UTF-8), "drip" (a byte every tenth of a second), or so many seconds too
    late."""

    where: str
    what: int | float | str
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)

    def befalls(self, request: str) -> bool:
        if self.times and re.match(self.where, request):
            self.times -= 1
            return True
        return False


@dataclass
class State:
    """`frames` are what one GET of a run after the other finds: its state, and each step's; the last one stays.

    `messages` holds what a step says when it fails, `logs` what its pod printed. `needs` is a header and the value
    without which nobody gets in. Lists named in `hide_once` are empty once. One that is `old` knows no securityContext.
    """

    frames: list[Frame] = field(default_factory=lambda: [("SUCCEEDED", {})])
    messages: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    log_version: str = "v1alpha1"
    faults: list[Fault] = field(default_factory=list)
    needs: tuple[str, str] | None = None
    multi_user: bool = False
    old: bool = False
    refuse_retry: int = 0
    hide_once: set[str] = field(default_factory=set)
    pipelines: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    specs: dict[str, Any] = field(default_factory=dict)
    platforms: dict[str, Any] = field(default_factory=dict)
    experiments: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    schedules: dict[str, Any] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def parameters(self) -> list[dict[str, str]]:
        """Of each run, in the order in which they began."""
        return [run.runtime_config.parameters for run in self.runs.values()]
