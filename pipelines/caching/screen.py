"""The explanation on the screen: a line for each step, and below it what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipelines.caching.explain import Change

MARKS = {"reused": "[cyan]↺[/]", "ran": "[green]✓[/]", "failed": "[red]✗[/]", "unknown": "?", "not reached": " "}
WIDEST, MOST = 60, 12


def show(found: Mapping[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"run [bold]{escape(found['run'])}[/]{'' if found['local'] else ', as MLflow recorded it'}")
    for step in found["steps"]:
        why = f"  {escape(step['why'])}" if step["why"] else ""
        console.print(f"{MARKS[step['state']]} {step['step']:<9} {step['state']:<11}{why}")
        changes = step["changes"]
        for change in changes[:MOST]:
            console.print(f"{' ' * 25}{escape(_line(change))}")
        if (more := len(changes) - MOST) > 0:
            console.print(f"{' ' * 25}and {more} others; --json has all")
    if any(step["state"] == "unknown" for step in found["steps"]):
        console.print("whether a step ran or was taken from a cache is known to Kubeflow: --on cluster asks it")


def _line(change: Change) -> str:
    if change["kind"] == "input":
        return f"input {change['what']}, which is another now"
    return f"{change['kind']} {change['what']}: {_shown(change['old'])} → {_shown(change['new'])}"


def _shown(value: Any) -> str:
    text = "none" if value in (None, "") else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
