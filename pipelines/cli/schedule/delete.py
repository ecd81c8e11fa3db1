"""`textgate schedule delete`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import kubeflow_options, reach


@click.command()
@click.argument("name")
@kubeflow_options
def command(name: str, config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """Delete the schedule NAME, or the one of that id. Its runs stay, and one that is under way goes on."""
    from pipelines.cluster.schedules import delete, find_schedule

    cluster = reach(config, overrides, host, namespace)
    delete(cluster, find_schedule(cluster, name))
    click.echo(f"schedule {name} deleted")
