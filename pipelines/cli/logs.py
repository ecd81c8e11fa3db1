"""`textgate logs`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.base.errors import TextgateError
from pipelines.cli.kubeflow import kubeflow_options, reach

if TYPE_CHECKING:
    from pipelines.cluster import Cluster


@click.command()
@click.argument("run")
@click.argument("step", required=False)
@click.option("-n", "most", type=click.IntRange(0), default=0, help="The last lines only.  [default: all]")
@kubeflow_options
def command(
    *, run: str, step: str | None, most: int, config: Path, overrides: tuple[str, ...], host: str, namespace: str
) -> None:
    """Print what STEP of RUN printed, or each step that has a pod.

    Kubeflow's API is asked first, which also has the logs that were archived; else Kubernetes, as KUBECONFIG says.
    """
    from pipelines.cluster.logs import find_step, read_log
    from pipelines.cluster.runs import find_run

    cluster = reach(config, overrides, host, namespace)
    found = find_run(cluster, run)
    if step is not None:
        _print(read_log(cluster, found, find_step(found, step)), most)
    else:
        _print_all(cluster, found, most)


def _print_all(cluster: Cluster, run: Any, most: int) -> None:
    """Raises TextgateError where no step has a log."""
    from pipelines.cluster.logs import read_log
    from pipelines.cluster.states import steps

    faults = []
    there = steps(run)
    for one in there:
        try:
            log = read_log(cluster, run, one)
        except TextgateError as error:
            faults.append(str(error))
            click.echo(f"textgate: {error}", err=True)
            continue
        click.echo(f"==> {one.display_name} <==")
        _print(log, most)
    if not there or len(faults) == len(there):
        raise TextgateError(f"the run {run.run_id} has no log{'' if there else ': no step of it has begun'}")


def _print(log: str, most: int) -> None:
    lines = log.splitlines()
    for line in lines[-most:] if most else lines:
        click.echo(line)
