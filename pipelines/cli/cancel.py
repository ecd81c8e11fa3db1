"""`textgate cancel`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import kubeflow_options, reach


@click.command()
@click.argument("run")
@kubeflow_options
def command(run: str, config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """End RUN on Kubeflow: an id, the beginning of one, or a name. One that has ended stays as it is."""
    from pipelines.cluster.runs import cancel, find_run
    from pipelines.cluster.states import ENDED

    cluster = reach(config, overrides, host, namespace)
    found = find_run(cluster, run)
    before = cancel(cluster, found)
    if before in ENDED:
        click.echo(f"{found.display_name} ended {before} already")
    else:
        watch, already = cluster.command("watch", found.run_id), " already" if before else ""
        click.echo(f"{found.display_name} is being cancelled{already}; `{watch}` shows when it has ended")
