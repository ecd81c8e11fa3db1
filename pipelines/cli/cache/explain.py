"""`textgate cache explain`"""

from __future__ import annotations

import json
from pathlib import Path

import click

from components.base.errors import TextgateError
from pipelines.cli.kubeflow import kubeflow_options, reach


@click.command("explain")
@click.argument("run")
@click.option(
    "--on", type=click.Choice(["here", "cluster"]), default="here", show_default=True, help="Who says what ran."
)
@kubeflow_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(
    *, run: str, on: str, config: Path, overrides: tuple[str, ...], host: str, namespace: str, as_json: bool
) -> None:
    """Show for each step of RUN whether it was taken from a cache, or ran, and which inputs made it run again.

    RUN is a run's folder, its MLflow id or job, or MODEL:VERSION; with --on cluster its id on Kubeflow, or its name. It
    is compared with the run that it took up, else with the latest earlier one of its model that came to the step.
    """
    from pipelines.caching.explain import explain
    from pipelines.caching.screen import show

    states = None
    if on == "cluster":
        from pipelines.caching.kubeflow import states_of
        from pipelines.cluster.runs import find_run

        there = find_run(reach(config, overrides, host, namespace), run)
        run, states = there.run_id, states_of(there)
    elif host or namespace:
        raise TextgateError("--host and --namespace go with --on cluster")
    found = explain(run, states)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(found)
