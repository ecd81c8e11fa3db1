"""`textgate cache explain`"""

from __future__ import annotations

import json

import click


@click.command("explain")
@click.argument("run")
@click.option("--host", default="", metavar="URL", help="The Kubeflow that ran it; RUN is its id there.")
@click.option("--namespace", default="", help="With --host: yours, where Kubeflow serves several users.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(run: str, host: str, namespace: str, as_json: bool) -> None:
    """Show for each step of RUN whether it was taken from a cache, or ran, and which inputs made it run again.

    RUN is a run's folder, its MLflow id or job, or MODEL:VERSION. It is compared with the run that it took up, else
    with the latest earlier one of its model that came to the step.
    """
    from pipelines.caching.explain import explain
    from pipelines.caching.screen import show

    states = None
    if host:
        from pipelines.caching.kubeflow import states_of
        from pipelines.cluster import Cluster

        states = states_of(Cluster(host, namespace), run)
    found = explain(run, states)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(found)
