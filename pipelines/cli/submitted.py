"""A run that a cluster has accepted, on the screen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from pipelines.cluster import Cluster, Submitted

COLOURS = {"succeeded": "green", "failed": "red", "canceled": "red", "skipped": "yellow"}


def show(cluster: Cluster, run: Submitted, watch: bool) -> None:
    """Where it is; with `watch`, each step as it comes. Raises TextgateError then unless the run succeeds."""
    from components.base.image import IMAGE

    console = Console(highlight=False, soft_wrap=True)
    known = "uploaded" if run.uploaded else "which was there already"
    console.print(f"[bold]{run.name}[/] runs version {run.version} of the pipeline, {known}")
    console.print(f"[bold]image[/] {escape(IMAGE)}")
    console.print(f"[bold]run[/] {run.run_id}")
    console.print(f"[bold]page[/] {escape(run.link)}")
    if not watch:
        return

    def show_step(name: str, state: str) -> None:
        colour = COLOURS.get(state, "default")
        console.print(f"  {datetime.now():%H:%M:%S} {name:<10} [{colour}]{escape(state)}[/]")

    try:
        cluster.watch(run.run_id, run.steps, show_step)
    except KeyboardInterrupt:
        console.print(f"\nthe run goes on; its page can end it, or\n  {escape(cluster.cancelling(run.run_id))}")
        raise
    console.print("the run [green]succeeded[/]")
