"""`textgate reproduce`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from components.base.errors import TextgateError
from pipelines.cli.kubeflow import host_option, namespace_option
from pipelines.cli.options import check_to, set_option, to_option

if TYPE_CHECKING:
    from pipelines.lineage.recorded import RecordedRun


@click.command()
@click.argument("run")
@click.argument("version", default="")
@click.option("--on", type=click.Choice(["here", "cluster"]), default="here", show_default=True, help="Where it runs.")
@host_option
@namespace_option
@to_option
@click.option("--tolerance", type=click.FloatRange(0, 1), help="Of a probability, to be equivalent.  [default: 0.01]")
@click.option("--by", "made", metavar="RUN", default="", help="Compare with this run, and make none.")
@set_option
def command(
    *,
    run: str,
    version: str,
    on: str,
    host: str,
    namespace: str,
    to: str,
    tolerance: float | None,
    made: str,
    overrides: tuple[str, ...],
) -> None:
    """Make RUN again, or the run that registered VERSION of the model RUN, and compare what came out.

    Says `identical`, `equivalent` or `different`; of the last the exit status is 1. --set says where things lie on this
    machine, as data.remotes=[...].
    """
    from pipelines.lineage.recorded import find
    from pipelines.reproduce.comparing import TOLERANCE, check_digests, compare
    from pipelines.reproduce.report import lines, store

    if on == "here" and (host or namespace):
        raise TextgateError("--host and --namespace go with --on cluster")
    check_to(to)
    original = find(run, version)
    check_digests(original)
    again = find(made) if made else _make(original, to, overrides, on == "cluster", host, namespace)
    found = compare(original, again, TOLERANCE if tolerance is None else tolerance, to)
    store(found, original, again)
    click.echo("\n".join(lines(found, original, again)))
    if found.outcome == "different":
        click.get_current_context().exit(1)


def _make(
    original: RecordedRun, to: str, overrides: tuple[str, ...], on_cluster: bool, host: str, namespace: str
) -> RecordedRun:
    """On a cluster, the one that the run's own settings name where no host is given."""
    from pipelines.local.folder import new_name
    from pipelines.reproduce.like import caches, like
    from pipelines.reproduce.reproduce import make_again

    remotes = [] if on_cluster else caches()
    wanted = like(original, new_name(original.name), overrides, to, remotes, here=not on_cluster)
    if not on_cluster:
        return make_again(wanted, overrides)
    host = host or wanted.settings.cluster.host
    if not host:
        raise TextgateError("the run's settings name no Kubeflow; give --host URL")
    return make_again(wanted, overrides, ["--host", host, *(["--namespace", namespace] if namespace else [])])
