"""A run that a cluster has accepted, on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from pipelines.cli.kubeflow import follow

if TYPE_CHECKING:
    from pipelines.cluster import Cluster, Submitted


def show(cluster: Cluster, run: Submitted, watch: bool) -> None:
    """Where it is; with `watch`, each step as it comes. Raises TextgateError then unless the run succeeds."""
    from components.base.image import image_of

    console = Console(highlight=False, soft_wrap=True)
    known = "uploaded" if run.uploaded else "which was there already"
    console.print(f"[bold]{run.name}[/] runs version {run.version} of the pipeline, {known}")
    images = [image_of(cluster.settings.image), *([cluster.settings.gpu_image] if cluster.settings.gpu_image else [])]
    console.print(f"[bold]image[/] {escape(', '.join(images))}")
    console.print(f"[bold]run[/] {run.run_id}")
    console.print(f"[bold]page[/] {escape(run.link)}")
    if not watch:
        console.print(f"[bold]watch[/] {escape(cluster.command('watch', run.run_id))}")
    else:
        follow(cluster, run.run_id, console)
