"""`textgate reproduce`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from components.base.errors import TextgateError
from pipelines.cli.options import check_to, set_option, to_option

if TYPE_CHECKING:
    from pipelines.lineage.recorded import RecordedRun


@click.command()
@click.argument("run")
@click.argument("version", default="")
@click.option("--on", type=click.Choice(["here", "cluster"]), default="here", show_default=True, help="Where it runs.")
@click.option(
    "--host", default="", metavar="URL", help="With --on cluster, in place of the cluster.host that was recorded."
)
@click.option("--namespace", default="", help="With --on cluster.  [default: what was recorded]")
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
    where = [*(["--host", host] if host else []), *(["--namespace", namespace] if namespace else [])]
    again = find(made) if made else _make(original, to, overrides, where if on == "cluster" else None)
    found = compare(original, again, TOLERANCE if tolerance is None else tolerance, to)
    store(found, original, again)
    click.echo("\n".join(lines(found, original, again)))
    if found.outcome == "different":
        click.get_current_context().exit(1)


def _make(original: RecordedRun, to: str, overrides: tuple[str, ...], cluster: list[str] | None) -> RecordedRun:
    from pipelines.local.folder import new_name
    from pipelines.reproduce.like import caches, like
    from pipelines.reproduce.reproduce import make_again

    name = new_name(original.name)
    here = cluster is None
    wanted = like(original, name, overrides, to, caches() if here else [], here)
    return make_again(wanted, overrides, cluster)
