"""`textgate retry`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import follow, kubeflow_options, reach


@click.command()
@click.argument("run")
@click.option("--watch", is_flag=True, help="Follow the run; exit with 0 only if it succeeds.")
@kubeflow_options
def command(run: str, watch: bool, config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """Try RUN again, which failed or was cancelled: the steps that failed and those after them, in the same run.

    What had succeeded is not done again. The run keeps its id, and so its run in MLflow.
    """
    from rich.console import Console

    from pipelines.cluster.runs import find_run, retry

    cluster = reach(config, overrides, host, namespace)
    found = find_run(cluster, run)
    retry(cluster, found)
    click.echo(f"{found.display_name} goes on where it failed: {cluster.link(found.run_id)}")
    if watch:
        follow(cluster, found.run_id, Console(highlight=False, soft_wrap=True))
