"""`textgate preflight`"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from pipelines.cli.kubeflow import experiment_option, kubeflow_options, placed
from pipelines.cli.options import typed


@click.command()
@kubeflow_options
@experiment_option
@click.option(
    "--pipeline",
    type=click.Choice(["finetune", "promotion"]),
    default="finetune",
    show_default=True,
    help="promotion: what `promote --on cluster` needs, which is no data, base model or GPU.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_context
def command(
    context: click.Context,
    *,
    config: Path,
    overrides: tuple[str, ...],
    host: str,
    namespace: str,
    experiment: str,
    pipeline: str,
    as_json: bool,
) -> None:
    """Ask whether a run could be submitted, and what it needs is there: API, namespace, data, buckets, MLflow, images,
    Secrets, GPUs. Nothing is started, and nothing left behind.

    Exits with 1 where something failed; what cannot be known from this machine counts as no failure.
    """
    from components.base.settings import load
    from pipelines.cluster import Cluster
    from pipelines.preflight import preflight
    from pipelines.preflight.screen import show

    settings = placed(load(config, list(overrides)), host, namespace)
    lines = preflight(
        settings,
        lambda: Cluster.of(settings),
        experiment=experiment,
        trains=pipeline == "finetune",
        options=typed(config, overrides),
    )
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=2, ensure_ascii=False))
    else:
        show(lines)
    context.exit(any(line.state == "failed" for line in lines))
