"""`textgate preflight`"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from components.base.errors import TextgateError
from pipelines.cli.options import config_option, set_option, typed


@click.command()
@config_option
@set_option
@click.option("--host", default="", metavar="URL", help="The Kubeflow Pipelines API.  [default: cluster.host]")
@click.option("--namespace", default="", help="Yours, where Kubeflow serves several users.")
@click.option("--experiment", default="", help="The run's.  [default: the config's name]")
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

    settings = load(config, list(overrides))
    where = settings.cluster.model_copy(
        update={"host": host or settings.cluster.host, "namespace": namespace or settings.cluster.namespace}
    )
    if not where.host:
        raise TextgateError("--host URL, or cluster.host of the config, names the Kubeflow Pipelines API")

    lines = preflight(
        settings.model_copy(update={"cluster": where}),
        lambda: Cluster(where.host, where.namespace),
        experiment=experiment,
        trains=pipeline == "finetune",
        options=typed(config, overrides),
    )
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=2, ensure_ascii=False))
    else:
        show(lines)
    context.exit(any(line.state == "failed" for line in lines))
