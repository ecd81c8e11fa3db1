"""What was found, a line each, with what to do below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from pipelines.preflight.line import Line

MARKS = {"ok": "[green]ok[/]     ", "failed": "[red]failed[/] ", "unknown": "[yellow]unknown[/]"}


def show(lines: Sequence[Line]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(line.check) for line in lines)
    for line in lines:
        first, *others = line.said.splitlines()
        console.print(f"{MARKS[line.state]} [bold]{escape(line.check.ljust(width))}[/] {escape(first)}")
        for more in [*others, *([f"→ {line.advice}"] if line.advice else [])]:
            console.print(f"{' ' * (width + 9)}{escape(more)}")
    counts = {state: sum(line.state == state for line in lines) for state in MARKS}
    said = f"{counts['ok']} of {len(lines)} are as a run needs them"
    said += f", {counts['failed']} would make it fail" if counts["failed"] else ""
    console.print(said + (f", {counts['unknown']} cannot be known from here" if counts["unknown"] else ""))
