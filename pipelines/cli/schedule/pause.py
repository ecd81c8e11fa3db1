"""`textgate schedule pause`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import kubeflow_options, reach


@click.command()
@click.argument("name")
@kubeflow_options
def command(name: str, config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """Start no more runs of the schedule NAME until it is resumed; one that is under way goes on."""
    from pipelines.cluster.schedules import find_schedule, switch

    cluster = reach(config, overrides, host, namespace)
    already = "" if switch(cluster, find_schedule(cluster, name), on=False) else " already"
    click.echo(f"schedule {name} is paused{already}")
