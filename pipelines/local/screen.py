"""What a person sees while a run goes on: a line for each step that ended, a moving one for the step at work."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from components.base.settings import Settings
from pipelines.local.folder import Step

MARKS = {"done": "[green]✓[/]", "reused": "[cyan]↺[/]", "failed": "[red]✗[/]"}


class Screen:
    """Quiet but for the ended steps where the output is not a terminal."""

    def __init__(self, settings: Settings, console: Console | None = None) -> None:
        self.settings = settings
        self.console = console or Console(highlight=False)
        self.status: Status | None = None
        self.since = time.monotonic()

    def __enter__(self) -> Self:
        rows = self.settings.training.max_train_rows
        self.console.print(
            f"[bold]{self.settings.name}[/]: seed {self.settings.training.seed},"
            f" training on {f'{rows} rows (max_train_rows)' if rows else 'all rows'},"
            f" epochs {self.settings.training.epochs}"
        )
        if self.console.is_terminal:
            self.status = self.console.status("starting")
            self.status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status:
            self.status.stop()

    def watch(self, step: Step, progress: str) -> None:
        if step.state == "running":
            if self.status:
                self.status.update(f"{step.name} {escape(progress)}")
            return
        seconds = "" if step.state == "reused" else f"{step.seconds:6.1f} s"
        self.console.print(f"  {MARKS[step.state]} {step.name:<9} {seconds}")
