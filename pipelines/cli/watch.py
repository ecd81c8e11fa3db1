"""`textgate watch`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import follow, kubeflow_options, reach


@click.command()
@click.argument("run")
@kubeflow_options
def command(run: str, config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """Follow RUN on Kubeflow to its end: an id, the beginning of one, or a name.

    Exits with 0 only if it succeeds; a run that failed, was cancelled or skipped gives 1. Ctrl-C leaves the run going,
    and gives 130.
    """
    from rich.console import Console

    from pipelines.cluster.runs import find_run

    cluster = reach(config, overrides, host, namespace, patient=True)
    follow(cluster, find_run(cluster, run).run_id, Console(highlight=False, soft_wrap=True))
